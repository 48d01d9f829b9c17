package plan

import "github.com/etalon-dev/etalon/reference/kubelet/runtime"

// keepInstances is how many instances of a container are kept: the present one and the one
// before it, whose logs `kubectl logs --previous` shows.
const keepInstances = 2

// prune lists the dead that nobody can ask for any more.
func prune(in Input, p *Plan) {
	kept := map[string]int{}
	populated := map[string]bool{}
	for _, c := range in.State.Containers {
		kept[c.Name]++
		if kept[c.Name] > keepInstances && c.State == runtime.StateExited {
			p.Remove = append(p.Remove, c.ID)
			continue
		}
		populated[c.SandboxID] = true
	}
	for i, s := range in.State.Sandboxes {
		if i > 0 && !s.Ready && !populated[s.ID] {
			p.RemoveSandboxes = append(p.RemoveSandboxes, s.ID)
		}
	}
}
