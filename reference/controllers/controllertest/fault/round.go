package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

const (
	// patience is how long a step may take. Only a round that fails waits so long.
	patience = 3 * time.Minute
	// look is how often it is looked whether a step is done although nothing was
	// written in the round.
	look = time.Second
	// gather is how long after a write, so that several are one reason to look.
	gather = 20 * time.Millisecond
	// calm is for how long there must be no write before things count as settled,
	// and longCalm where that settles what is compared with: no controller holds
	// back a status for so long.
	calm     = 250 * time.Millisecond
	longCalm = 1500 * time.Millisecond
)

// world is a round that is being played.
type world struct {
	*Round
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	wire    *wire
	wrong   chan error    // what was wrong with the pods
	news    chan struct{} // something was written
}

// enter furnishes the round's namespace and starts what lives in it.
func (r *Round) enter(ctx context.Context) (*world, error) {
	w := &world{Round: r, wrong: make(chan error, 1), news: make(chan struct{}, 1)}
	w.ctx, w.cancel = context.WithCancel(ctx)
	w.wire = &wire{round: r, wrote: w.wrote, last: time.Now()}
	if err := w.furnish(); err != nil {
		w.cancel()
		return nil, err
	}
	nodes := controllertest.Nodes{Client: r.Client, Namespace: r.Namespace, Node: "node-1", Status: r.scenario.Status}
	w.running.Go(func() { nodes.Run(w.ctx) })
	if r.scenario.Throughout != nil {
		pods, err := w.watchPods()
		if err != nil {
			w.leave()
			return nil, err
		}
		w.running.Go(func() { inspect(w.ctx, pods, r.scenario.Throughout(), w.wrong) })
	}
	w.running.Go(w.live)
	return w, nil
}

// leave ends all that runs in the world.
func (w *world) leave() {
	w.cancel()
	w.running.Wait()
}

// furnish makes the user's client, the namespace and what pods need in it.
func (w *world) furnish() (err error) {
	client := &http.Client{Transport: telling{w.place.http.Transport, w.wrote}}
	if w.Client, err = kubernetes.NewForConfigAndClient(w.place.admin, client); err != nil {
		return err
	}
	w.Config = w.place.admin
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace, Labels: map[string]string{Label: w.Namespace}}}
	if _, err := w.Client.CoreV1().Namespaces().Create(w.ctx, ns, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err = w.Client.CoreV1().ServiceAccounts(w.Namespace).Create(w.ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	return err
}

// live runs the controllers, again each time they have been killed.
func (w *world) live() {
	for w.ctx.Err() == nil {
		life, die := context.WithCancel(w.ctx)
		config := rest.CopyConfig(w.place.controllers)
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &process{wire: w.wire, next: next, die: die} })
		if err := w.scenario.Start(life, config); err != nil && w.ctx.Err() == nil && life.Err() == nil {
			panic(fmt.Sprintf("the controllers do not start: %v", err))
		}
		die()
	}
}

// act takes the steps one after the other.
func (w *world) act() error {
	for _, step := range w.scenario.Steps {
		if err := step.Do(w.ctx, w.Round); err != nil {
			return fmt.Errorf("%s: %w", step.Name, err)
		}
		if step.Until == nil {
			continue
		}
		if err := w.until(func() error { return step.Until(w.ctx, w.Round) }); err != nil {
			return fmt.Errorf("after %q: %w", step.Name, err)
		}
	}
	return nil
}

// rest waits until there has been no write for so long, and returns the outcome.
func (w *world) rest(calm time.Duration) (outcome string, err error) {
	err = w.until(func() error {
		if err := w.wire.quiet(calm); err != nil {
			return err
		}
		outcome, err = w.scenario.Outcome(w.ctx, w.Round)
		return err
	})
	return outcome, err
}

// end waits until the world is at rest with the outcome that the model has then.
func (w *world) end(model *world) error {
	return w.until(func() error {
		if err := w.wire.quiet(calm); err != nil {
			return err
		}
		outcome, err := w.scenario.Outcome(w.ctx, w.Round)
		if err != nil {
			return err
		}
		want, err := model.scenario.Outcome(model.ctx, model.Round)
		if err != nil {
			return fmt.Errorf("undisturbed: %w", err)
		}
		if outcome != want {
			return fmt.Errorf("the outcome is\n%s\nwant that of the undisturbed run:\n%s", outcome, want)
		}
		return nil
	})
}

// until waits until the condition holds, or something is wrong with the pods. It
// looks again when something was written, and now and then.
func (w *world) until(condition func() error) error {
	deadline := time.After(patience)
	for {
		err := condition()
		select {
		case broken := <-w.wrong:
			return broken
		default:
		}
		if err == nil {
			return nil
		}
		wait := look
		if restless := (restlessError{}); errors.As(err, &restless) {
			wait = restless.left
		}
		select {
		case <-w.news:
			time.Sleep(gather) // others follow
		case <-time.After(wait):
		case broken := <-w.wrong:
			return broken
		case <-w.ctx.Done():
			return w.ctx.Err()
		case <-deadline:
			return fmt.Errorf("waited %s: %w", patience, err)
		}
	}
}

// wrote tells until that something was written.
func (w *world) wrote() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}
