package framework

import "time"

// Every wait of the suite is bounded by one of these, multiplied by --timeout-scale. They are
// upper bounds for a slow, loaded machine: a pod start takes up to 30 s on a busy real
// cluster, and a wait that succeeds costs only the time it takes.
const (
	// APITimeout bounds one request to the API server.
	APITimeout = 30 * time.Second
	// NamespaceTimeout bounds the time until a new namespace has its default ServiceAccount and root CA.
	NamespaceTimeout = 60 * time.Second
	// NamespaceGoneTimeout bounds the removal of a namespace with running pods in it.
	NamespaceGoneTimeout = 3 * time.Minute
	// PodTimeout bounds a pod's start, image pull included, and its end.
	PodTimeout = 2 * time.Minute
	// SettleTimeout bounds the time until controllers have brought about a state, pod starts included.
	SettleTimeout = 3 * time.Minute
	// NetworkTimeout bounds the time until a change of a Service or its endpoints holds on every node.
	NetworkTimeout = 60 * time.Second
	// EventTimeout bounds the time until an event that tells of something that happened can be read.
	EventTimeout = 60 * time.Second
	// VolumeSyncTimeout bounds the time until a changed ConfigMap or Secret shows in a mounted
	// volume: the kubelet's sync period (60 s, with jitter 90 s) and its cache's delay.
	VolumeSyncTimeout = 3 * time.Minute
	// BackOffTimeout bounds three restarts of a crashing container: 0 + 10 + 20 s and what each start takes.
	BackOffTimeout = 4 * time.Minute
	// specTimeout bounds a whole spec, clean-up excluded.
	specTimeout = 6 * time.Minute
	// CleanUpTimeout bounds the requests of a spec's clean-up.
	CleanUpTimeout = 60 * time.Second

	// Quiet is how long we watch to show that something does not happen, where a
	// wrong implementation would do it within a second.
	Quiet = 4 * time.Second
	// pollInterval is the pause between two looks of a wait that polls.
	pollInterval = 250 * time.Millisecond
)
