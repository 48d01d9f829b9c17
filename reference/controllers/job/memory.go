package job

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
)

// memory is what the controller knows of the Jobs it works on beyond what the caches show. None of it is needed
// to count; it can be lost.
type memory struct {
	mu   sync.Mutex
	jobs map[types.NamespacedName]*notes
}

// notes are of one Job. Only the worker that reconciles it uses them.
type notes struct {
	uid  types.UID
	past failures

	mu sync.Mutex
	// unsure are the names, by completion index, of pods whose creation was not answered. It may have happened
	// all the same, so the next attempt asks for the same name: then there are never two.
	unsure map[int][]string
}

// of returns the notes of the Job. For one that is new here they are blank.
func (m *memory) of(key types.NamespacedName, uid types.UID) (n *notes, blank bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.jobs[key]; n != nil && n.uid == uid {
		return n, false
	}
	n = &notes{uid: uid, unsure: map[int][]string{}}
	m.jobs[key] = n
	return n, true
}

func (m *memory) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.jobs, key)
}

// name is the name for a pod of the index.
func (n *notes) name(prefix string, index int) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if names := n.unsure[index]; len(names) > 0 {
		n.unsure[index] = names[1:]
		return names[0]
	}
	return prefix + rand.String(5)
}

// again notes that it is not known whether a pod of that name has come to be.
func (n *notes) again(index int, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unsure[index] = append(n.unsure[index], name)
}
