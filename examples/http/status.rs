//! The answers other than a file.

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Status {
    Ok,
    MovedPermanently,
    NotModified,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    BodyTooLarge,
    TargetTooLong,
    ExpectationFailed,
    HeadTooLarge,
    InternalError,
    NotImplemented,
    Unavailable,
    VersionNotSupported,
}

impl Status {
    /// Code and reason, as the first line of a response has them.
    pub(crate) fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::MovedPermanently => "301 Moved Permanently",
            Status::NotModified => "304 Not Modified",
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::BodyTooLarge => "413 Content Too Large",
            Status::TargetTooLong => "414 URI Too Long",
            Status::ExpectationFailed => "417 Expectation Failed",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::InternalError => "500 Internal Server Error",
            Status::NotImplemented => "501 Not Implemented",
            Status::Unavailable => "503 Service Unavailable",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }

    /// What a person reads who gets this answer.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Status::Ok | Status::NotModified => "",
            Status::MovedPermanently => "this is a folder; its address ends with a slash",
            Status::BadRequest => "this is not a request that the server can read",
            Status::Forbidden => "the server may not read this file",
            Status::NotFound => "there is no such file here",
            Status::MethodNotAllowed => "files are read with GET and HEAD",
            Status::RequestTimeout => "the request took too long to come",
            Status::BodyTooLarge => "a request may have no more than 64 KiB of body",
            Status::TargetTooLong => "an address may have no more than 8 KiB",
            Status::ExpectationFailed => "the only expectation that is met is 100-continue",
            Status::HeadTooLarge => "a head may have no more than 16 KiB and 64 fields",
            Status::InternalError => "the server could not read this file",
            Status::NotImplemented => "no such method, and no transfer codings, here",
            Status::Unavailable => "the server is full; try again soon",
            Status::VersionNotSupported => "the server speaks HTTP/1.0 and HTTP/1.1",
        }
    }
}
