"""gRPC's health checks with Google's implementation: `check PORT` asks our server, `serve` starts one
for our client. Messages are bytes, so that no code has to be generated."""

import sys
from concurrent import futures

import grpc

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


def request(service):
    """A message with the name of a service."""
    return b"\n" + bytes([len(service)]) + service.encode() if service else b""


def check(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        one, many = channel.unary_unary(CHECK), channel.unary_stream(WATCH)
        assert one(request(""), timeout=30) == SERVING
        assert one(request("shop"), timeout=30) == SERVING
        print("the server and a service are up")
        calls = [one.future(request("shop"), timeout=30) for _ in range(200)]
        assert all(call.result() == SERVING for call in calls)
        print("200 calls at once on one connection")
        try:
            one(request("nothing"), timeout=30)
            raise AssertionError("no error")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
        print("an unknown service is NOT_FOUND")
        try:
            channel.unary_unary("/grpc.health.v1.Health/Nothing")(b"", timeout=30)
            raise AssertionError("no error")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
        print("an unknown method is UNIMPLEMENTED")
        stream = many(request("lamp"), timeout=30)
        seen = [next(stream) for _ in range(4)]
        assert set(seen) == {SERVING, NOT_SERVING}, seen
        stream.cancel()
        print("a stream of updates, and its cancellation")
        assert one(request(""), timeout=30) == SERVING
        print("a call after that")


class Health(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == CHECK:
            return grpc.unary_unary_rpc_method_handler(self.check)
        if details.method == WATCH:
            return grpc.unary_stream_rpc_method_handler(self.watch)
        return None

    def check(self, message, context):
        if message == request("nothing"):
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return SERVING

    def watch(self, message, context):
        for _ in range(1000):
            yield SERVING
            yield NOT_SERVING


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((Health(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


{"check": check, "serve": serve}[sys.argv[1]](*sys.argv[2:])
