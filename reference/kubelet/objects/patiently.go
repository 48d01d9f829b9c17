package objects

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Patiently asks a few times more, for some 0.6 s, if it is forbidden: the Node authorizer, which lets an agent have what
// its pods refer to, may learn of a pod or of its volume's claim a little later than the agent does.
func Patiently[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		got, err := ask()
		if !apierrors.IsForbidden(err) || pause > 320*time.Millisecond {
			return got, err
		}
		select {
		case <-ctx.Done():
			return got, ctx.Err()
		case <-time.After(pause):
		}
	}
}
