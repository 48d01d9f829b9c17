package simulation

import corev1 "k8s.io/api/core/v1"

// shape is what of a pod's status is compared to know whether there is anything to write.
type shape struct {
	phase                                                 corev1.PodPhase
	sandbox, initialized, containersReady, ready, waiting bool
	initEnded, restarts                                   int32
	generation                                            int64
}

// shapeOf is the shape of a status as the API server has it.
func shapeOf(s *corev1.PodStatus) shape {
	out := shape{phase: s.Phase, generation: s.ObservedGeneration}
	for _, c := range s.Conditions {
		is := c.Status == corev1.ConditionTrue
		switch c.Type {
		case corev1.PodReadyToStartContainers:
			out.sandbox = is
		case corev1.PodInitialized:
			out.initialized = is
		case corev1.ContainersReady:
			out.containersReady = is
		case corev1.PodReady:
			out.ready = is
		}
	}
	for i := range s.InitContainerStatuses {
		if s.InitContainerStatuses[i].State.Terminated != nil {
			out.initEnded++
		}
	}
	if len(s.ContainerStatuses) > 0 {
		c := &s.ContainerStatuses[0]
		out.restarts = c.RestartCount
		out.waiting = c.State.Waiting != nil && c.State.Waiting.Reason == crashLoop
	}
	return out
}

// shape is the shape of the status that the stage leads to.
func (s *stage) shape(gatesOpen bool, generation int64) shape {
	out := shape{
		phase: s.phase, sandbox: !s.sandbox.IsZero() && !s.over(), initialized: !s.initialized.IsZero(),
		containersReady: s.ready, ready: s.ready && gatesOpen, waiting: s.backOff > 0,
		restarts: s.restarts, generation: generation,
	}
	for _, r := range s.init {
		if !r.ended.IsZero() {
			out.initEnded++
		}
	}
	return out
}
