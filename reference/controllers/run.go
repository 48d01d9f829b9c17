package controllers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
)

// userAgent is how the API server's logs know the controllers.
const userAgent = "etalon-controllers"

// Run runs the controllers until ctx ends, and returns nil then. It returns an
// error if it cannot start, or if the leadership is lost: another process works
// then, and this one has to start anew.
func Run(ctx context.Context, o Options) error {
	if err := o.complete(); err != nil {
		return err
	}
	// Until there is leave to write, it only looks whether the API server is there.
	clients, err := newClients(o.Config)
	if err != nil {
		return err
	}
	if o.MetricsBindAddress != "" {
		stop, err := serve(ctx, o.MetricsBindAddress)
		if err != nil {
			return err
		}
		defer stop()
	}
	if err := reachable(ctx, clients.typed); err != nil {
		return nil // only if ctx has ended
	}
	if !o.LeaderElect {
		return start(ctx, o, func() bool { return true })
	}
	lock, err := newLease(o)
	if err != nil {
		return err
	}
	var failure error
	err = lead(ctx, lock, func(ctx context.Context, leads func() bool) { failure = start(ctx, o, leads) })
	return cmp.Or(failure, err)
}

// clients speak protobuf where the API server does.
type clients struct {
	config   *rest.Config
	typed    kubernetes.Interface
	metadata metadata.Interface
}

func newClients(config *rest.Config) (clients, error) {
	config = rest.CopyConfig(config)
	config.UserAgent = userAgent
	// The API server's priority and fairness decides who waits; a limit on this
	// side would only hide who asks.
	config.QPS = -1
	// That Endpoints are deprecated is known here.
	config.WarningHandler = rest.NoWarnings{}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return clients{}, fmt.Errorf("making a client of the API server: %w", err)
	}
	meta, err := metadata.NewForConfig(metadata.ConfigFor(config))
	if err != nil {
		return clients{}, fmt.Errorf("making a metadata client of the API server: %w", err)
	}
	return clients{config: config, typed: typed, metadata: meta}, nil
}

// reachable waits until the API server answers, lets us in, and has the
// namespace of the Lease. Asking often costs little and saves the seconds that
// clients would otherwise back off for while everything starts at once.
func reachable(ctx context.Context, client kubernetes.Interface) error {
	logger := klog.FromContext(ctx)
	told := time.Now()
	return wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		if err != nil && time.Since(told) > 5*time.Second {
			told = time.Now()
			logger.Info("Waiting for the API server", "reason", err)
		}
		return err == nil, nil
	})
}

// bare is an object as controllers keep it. Who wrote which field is a third of many a pod, and no controller asks;
// an update without it leaves it as it is.
func bare(o any) (any, error) {
	if object, ok := o.(metav1.Object); ok {
		object.SetManagedFields(nil)
	}
	return o, nil
}

// start runs the chosen controllers until ctx ends and all of them have stopped. No request of theirs outlives ctx, and
// none writes when may says no.
func start(ctx context.Context, o Options, may func() bool) error {
	config := rest.CopyConfig(o.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return bound{RoundTripper: next, ctx: ctx, may: may} })
	clients, err := newClients(config)
	if err != nil {
		return err
	}
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: clients.typed.CoreV1().Events("")})
	e := &env{
		Options:     o,
		config:      clients.config,
		client:      clients.typed,
		metadata:    clients.metadata,
		discovery:   clients.typed.Discovery(),
		shared:      informers.NewSharedInformerFactoryWithOptions(clients.typed, 0, informers.WithTransform(bare)),
		broadcaster: broadcaster,
	}
	chosen, _ := choose(o.Controllers) // complete has checked it
	var running sync.WaitGroup
	var begin []func()
	for _, controller := range registered {
		if slices.Contains(chosen, controller.name) {
			built := controller.build(e)
			if built == nil {
				klog.FromContext(ctx).Info("Not running a controller that lacks what it needs", "controller", controller.name)
				continue
			}
			begin = append(begin, func() { built.Run(ctx, controller.workers) })
		}
	}
	// Informers and their indexes have to be asked for before any is started.
	e.shared.StartWithContext(ctx)
	for _, run := range begin {
		running.Go(run)
	}
	klog.FromContext(ctx).Info("Running controllers", "controllers", chosen)
	running.Wait()
	<-ctx.Done()
	e.shared.Shutdown()
	return nil
}
