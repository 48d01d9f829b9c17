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
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

const (
	// patience is how long a step may take. Only a round that fails waits so long.
	patience = 60 * time.Second
	// look is how often it is looked whether a step is done.
	look = 15 * time.Millisecond
	// calm is for how long there must be no write before things count as settled.
	calm = 250 * time.Millisecond
)

// play runs the round and returns its outcome and the controllers' writes. If
// want is given, the outcome is waited for.
func (r *Round) play(ctx context.Context, want string) (outcome string, w *wire, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	w = &wire{round: r}
	if err := r.furnish(ctx); err != nil {
		return "", w, err
	}
	nodes := controllertest.Nodes{Client: r.Client, Namespace: r.Namespace, Node: "node-1", Status: r.scenario.Status}
	running.Go(func() { nodes.Run(ctx) })
	wrong := make(chan error, 1)
	if r.scenario.Throughout != nil {
		events, err := r.Client.CoreV1().Pods(r.Namespace).Watch(ctx, metav1.ListOptions{})
		if err != nil {
			return "", w, err
		}
		running.Go(func() { inspect(ctx, events, r.scenario.Throughout(), wrong) })
	}
	running.Go(func() { r.live(ctx, w) })
	for _, step := range r.scenario.Steps {
		if err := step.Do(ctx, r); err != nil {
			return "", w, fmt.Errorf("%s: %w", step.Name, err)
		}
		if step.Until == nil {
			continue
		}
		if err := r.until(ctx, wrong, func() error { return step.Until(ctx, r) }); err != nil {
			return "", w, fmt.Errorf("after %q: %w", step.Name, err)
		}
	}
	err = r.until(ctx, wrong, func() error {
		if err := r.settled(ctx, w); err != nil {
			return err
		}
		outcome, err = r.scenario.Outcome(ctx, r)
		if err == nil && want != "" && outcome != want {
			err = fmt.Errorf("the outcome is\n%s\nwant that of the undisturbed run:\n%s", outcome, want)
		}
		return err
	})
	return outcome, w, err
}

// furnish makes the namespace and what pods need in it.
func (r *Round) furnish(ctx context.Context) error {
	if _, err := r.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.Namespace}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err := r.Client.CoreV1().ServiceAccounts(r.Namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	return err
}

// live runs the controllers, again each time they have been killed.
func (r *Round) live(ctx context.Context, w *wire) {
	for ctx.Err() == nil {
		life, die := context.WithCancel(ctx)
		config := rest.CopyConfig(r.config)
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &process{wire: w, next: next, die: die} })
		if err := r.scenario.Start(life, config); err != nil && ctx.Err() == nil && life.Err() == nil {
			panic(fmt.Sprintf("the controllers do not start: %v", err))
		}
		die()
	}
}

// settled returns an error while controllers still write.
func (r *Round) settled(ctx context.Context, w *wire) error {
	before := w.written()
	select {
	case <-time.After(calm):
	case <-ctx.Done():
		return ctx.Err()
	}
	if now := w.written(); now != before {
		return fmt.Errorf("there is no rest: %d writes, the last %s", now, w.writes[now-1])
	}
	return nil
}

// until waits until the condition holds, or something is wrong with the pods.
func (r *Round) until(ctx context.Context, wrong <-chan error, condition func() error) error {
	deadline := time.After(patience)
	for {
		err := condition()
		select {
		case broken := <-wrong:
			return broken
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-time.After(look):
		case broken := <-wrong:
			return broken
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("waited %s: %w", patience, err)
		}
	}
}

// inspect has the pods checked at every change, and tells the first thing wrong.
func inspect(ctx context.Context, events watch.Interface, check func([]*corev1.Pod) error, wrong chan<- error) {
	defer events.Stop()
	pods := map[types.UID]*corev1.Pod{}
	for event := range events.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		switch {
		case !ok:
		case event.Type == watch.Deleted:
			delete(pods, pod.UID)
		default:
			pods[pod.UID] = pod
		}
		var now []*corev1.Pod
		for _, pod := range pods {
			now = append(now, pod)
		}
		if err := check(now); err != nil {
			wrong <- fmt.Errorf("while it ran: %w", err)
			return
		}
	}
	if ctx.Err() == nil {
		wrong <- errors.New("the watch of the pods has ended")
	}
}
