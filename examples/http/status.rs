//! The responses without a file.

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
    /// Returns code and reason, as in the first line of a response.
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

    /// Returns the explanation in the body of the response.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Status::Ok | Status::NotModified => "",
            Status::MovedPermanently => "this is a folder; its address ends with a slash",
            Status::BadRequest => "this request is malformed",
            Status::Forbidden => "the server is not allowed to read this file",
            Status::NotFound => "this file does not exist",
            Status::MethodNotAllowed => "only GET and HEAD are supported",
            Status::RequestTimeout => "the request did not arrive in time",
            Status::BodyTooLarge => "a request may have no more than 64 KiB of body",
            Status::TargetTooLong => "an address may have no more than 8 KiB",
            Status::ExpectationFailed => "the only supported expectation is 100-continue",
            Status::HeadTooLarge => "a head may have no more than 16 KiB and 64 fields",
            Status::InternalError => "the server could not read this file",
            Status::NotImplemented => "unknown method, or unsupported transfer coding",
            Status::Unavailable => "the server has too many connections; try again later",
            Status::VersionNotSupported => "the server supports HTTP/1.0 and HTTP/1.1",
        }
    }
}
