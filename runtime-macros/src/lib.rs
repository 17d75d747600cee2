//! The attributes of the wakeful runtime.
