// Package endpoints is the Endpoints controller: it keeps the addresses of the
// pods behind each Service with a selector in one Endpoints object of its name.
// Endpoints are deprecated in favour of EndpointSlices and still served.
package endpoints
