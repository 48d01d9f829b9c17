package simulation

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
)

// sink takes what a list and watch tells, without keeping it.
type sink[T any] struct {
	seen, gone func(T)
	// all is told the keys of everything there is, after a list.
	all  func(map[string]bool)
	key  func(T) string
	slim func(T)
}

// follow lists and watches into the sink until ctx ends.
func follow[T any](ctx context.Context, lw *cache.ListWatch, client any, kind T, to *sink[T]) {
	r := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(lw, client), kind, to, cache.ReflectorOptions{})
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if err := r.ListAndWatchWithContext(ctx); err != nil && ctx.Err() == nil {
			cache.DefaultWatchErrorHandler(ctx, r, err)
		}
	}, time.Second)
}

// Add and the methods below make it the store of a reflector.
func (s *sink[T]) Add(o any) error {
	s.seen(o.(T))
	return nil
}

// Update is Add: what is seen again is new.
func (s *sink[T]) Update(o any) error { return s.Add(o) }

// Delete tells that an object is gone.
func (s *sink[T]) Delete(o any) error {
	s.gone(o.(T))
	return nil
}

// Replace tells of all objects there are.
func (s *sink[T]) Replace(list []any, _ string) error {
	keys := make(map[string]bool, len(list))
	for _, o := range list {
		keys[s.key(o.(T))] = true
		s.seen(o.(T))
	}
	s.all(keys)
	return nil
}

// Resync has nothing to do.
func (s *sink[T]) Resync() error { return nil }

// Transformer drops what nobody looks at while a list is being put together.
func (s *sink[T]) Transformer() cache.TransformFunc {
	return func(o any) (any, error) {
		if t, ok := o.(T); ok && s.slim != nil {
			s.slim(t)
		}
		return o, nil
	}
}
