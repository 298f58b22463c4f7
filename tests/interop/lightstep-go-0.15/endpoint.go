package main

import lightstep "github.com/lightstep/lightstep-tracer-go"

// endpoint is where to report. This version has no setting for a CA: it trusts SSL_CERT_FILE, as any Go program does.
func endpoint(given settings) lightstep.Endpoint {
	return lightstep.Endpoint{Host: given.Host, Port: given.Port, Plaintext: given.CAFile == ""}
}
