// Package endpointslicemirroring is the EndpointSliceMirroring controller: it
// copies the Endpoints that somebody has made for a Service without a selector to
// EndpointSlices, which is what proxies read. There is one slice for each set of
// ports and family of addresses.
//
// Endpoints are not mirrored where they say so by the label
// endpointslice.kubernetes.io/skip-mirror, where they are a lock by which leaders
// are elected, where there is no Service of their name, and where it has a
// selector: then its slices are made from its pods.
//
// Documentation: concepts/services-networking/service#mirroring-of-custom-endpoints.
package endpointslicemirroring
