package queue

import stdheap "container/heap"

type less func(a, b *Item) bool

// byPriority: the more important first, then the one that came first.
func byPriority(a, b *Item) bool {
	if a.Pod.Priority != b.Pod.Priority {
		return a.Pod.Priority > b.Pod.Priority
	}
	if !a.Added.Equal(b.Added) {
		return a.Added.Before(b.Added)
	}
	return a.Pod.Object.UID < b.Pod.Object.UID
}

func byTime(a, b *Item) bool {
	if !a.at.Equal(b.at) {
		return a.at.Before(b.at)
	}
	return byPriority(a, b)
}

// heap is a priority queue of items that can be removed from its middle; at is where an item
// keeps its place in it.
type heap struct {
	items []*Item
	less  less
	at    func(*Item) *int
}

func inLine(it *Item) *int { return &it.index }
func inRest(it *Item) *int { return &it.restIndex }

func (s *heap) Len() int           { return len(s.items) }
func (s *heap) Less(i, j int) bool { return s.less(s.items[i], s.items[j]) }
func (s *heap) Swap(i, j int) {
	s.items[i], s.items[j] = s.items[j], s.items[i]
	*s.at(s.items[i]), *s.at(s.items[j]) = i, j
}

func (s *heap) Push(x any) {
	it := x.(*Item)
	*s.at(it) = len(s.items)
	s.items = append(s.items, it)
}

func (s *heap) Pop() any {
	last := len(s.items) - 1
	it := s.items[last]
	s.items[last] = nil
	s.items = s.items[:last]
	return it
}

func (s *heap) push(it *Item)   { stdheap.Push(s, it) }
func (s *heap) remove(it *Item) { stdheap.Remove(s, *s.at(it)) }

// peek is the first item; nil if there is none.
func (s *heap) peek() *Item {
	if len(s.items) == 0 {
		return nil
	}
	return s.items[0]
}
