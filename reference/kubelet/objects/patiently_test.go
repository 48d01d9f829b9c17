package objects

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestWhatIsForbiddenIsAskedAgainForAWhile(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "s", errors.New("no relationship found"))
	for name, test := range map[string]struct {
		refusals  int
		otherwise error
		want      error
		asked     int
		took      time.Duration
	}{
		"granted":           {0, nil, nil, 1, 0},
		"granted later":     {3, nil, nil, 4, 70 * time.Millisecond},
		"another error":     {1, errors.ErrUnsupported, errors.ErrUnsupported, 2, 10 * time.Millisecond},
		"forbidden for all": {100, nil, forbidden, 7, 630 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, began := 0, time.Now()
				_, err := Patiently(t.Context(), func() (int, error) {
					if asked++; asked <= test.refusals {
						return 0, forbidden
					}
					return 0, test.otherwise
				})
				if !errors.Is(err, test.want) || asked != test.asked || time.Since(began) != test.took {
					t.Errorf("%v after %d times and %v; want %v, %d, %v", err, asked, time.Since(began), test.want, test.asked, test.took)
				}
			})
		})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Patiently(gone, func() (int, error) { return 0, forbidden }); !errors.Is(err, context.Canceled) {
		t.Errorf("the pod is given up: %v", err)
	}
}
