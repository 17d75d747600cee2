//! Sockets for the wakeful runtime.
