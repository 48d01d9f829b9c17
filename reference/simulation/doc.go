// Package simulation is nodes without containers: Node objects with heartbeats, whose pods become
// Running and Ready, end, fail and go as those of a kubelet do, and nothing runs. Controllers and
// schedulers cannot tell the difference, so that a cluster of thousands of nodes fits on one machine.
//
// What a pod's status is at a moment follows from the pod, its settings and the seed alone (life.go);
// a simulator that starts anew goes on where the last one was. Settings are options or, for one pod,
// annotations (behavior.go).
//
// One list and watch of pods serves all nodes, and of a pod only what decides is kept. Requests wait in
// two agendas, the heartbeats' and the pods', each with a bounded number of writers, so that no rush of
// pods silences a node.
//
// What it leaves out: events, images, volumes, probes, resizing, mirror pods, and all that needs a
// container: logs, exec, attach and port-forward are refused.
package simulation
