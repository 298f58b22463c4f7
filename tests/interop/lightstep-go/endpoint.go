package main

import lightstep "github.com/lightstep/lightstep-tracer-go"

// endpoint is where to report: with a CA file over TLS, by the tracer's own setting for it.
func endpoint(given settings) lightstep.Endpoint {
	return lightstep.Endpoint{
		Host: given.Host, Port: given.Port, Plaintext: given.CAFile == "", CustomCACertFile: given.CAFile,
	}
}
