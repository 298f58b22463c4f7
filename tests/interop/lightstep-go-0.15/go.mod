module interop/lightstep-go-0.15

go 1.21

require (
	github.com/lightstep/lightstep-tracer-go v0.15.6
	github.com/opentracing/opentracing-go v1.0.2
)

require (
	github.com/golang/protobuf v1.3.1 // indirect
	golang.org/x/net v0.0.0-20201021035429-f5854403a974 // indirect
	golang.org/x/sys v0.0.0-20210217105451-b926d437f341 // indirect
	golang.org/x/text v0.3.3 // indirect
	google.golang.org/genproto v0.0.0-20190530194941-fb225487d101 // indirect
	google.golang.org/grpc v1.21.0 // indirect
)
