// Package autoscaling judges HorizontalPodAutoscalers: what the API server makes of them, and what their controller
// does to their targets. Metrics come from a server of the run's own, which answers what the spec tells it.
//
// Targets are mostly Deployments of pods that no node takes: an average of a value over replicas needs no pod to run.
// A controller looks at an autoscaler every 15 s by default, so a spec waits for a few of such looks.
package autoscaling
