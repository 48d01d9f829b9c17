package controllers_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/controllers"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
	_ "github.com/etalon-dev/etalon/reference/controllers/controllertest/unchanged" // who changes a cached object is found out
)

// patience bounds every wait. It is long, because it is only ever waited out by
// a test that fails.
const patience = 3 * time.Minute

// cluster is an API server with all controllers on it, and pods that become
// ready by themselves.
type cluster struct {
	kubernetes.Interface
	config *rest.Config
}

// start runs a cluster until the test ends.
func start(t *testing.T) *cluster {
	t.Helper()
	server := apiservertest.New(t)
	client := kubernetes.NewForConfigOrDie(server.Config)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var left []func() []string
	go func() {
		for {
			var err error
			left = append(left, controllertest.Track(ctx, func(ctx context.Context) {
				err = controllers.Run(ctx, controllers.Options{
					Config:      server.User("system:kube-controller-manager"),
					RootCA:      []byte("-----BEGIN CERTIFICATE-----\n"),
					LeaderElect: true,
				})
			}))
			// A machine too busy to renew the Lease ends them; whoever runs them starts them again then.
			if !errors.Is(err, controllers.ErrLost) {
				done <- err
				return
			}
		}
	}()
	go controllertest.Nodes{Client: client}.Run(ctx)
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("controllers ended: %v", err)
		}
		for _, ofRun := range left {
			nothingIsLeft(t, ofRun)
		}
	})
	return &cluster{Interface: client, config: server.Config}
}

// nothingIsLeft checks that all that the controllers have started comes to its end: what client-go does not wait for
// itself may take a moment.
func nothingIsLeft(t *testing.T, left func() []string) {
	t.Helper()
	var stacks []string
	err := wait.PollUntilContextTimeout(context.Background(), 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		stacks = left()
		return len(stacks) == 0, nil
	})
	if err != nil {
		t.Errorf("the controllers have ended, and left\n%s", strings.Join(stacks, "\n\n"))
	}
}

// until waits for the condition; the last error it returned is the explanation.
func until(t *testing.T, what string, condition func(ctx context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = condition(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waited %s for %s; last seen: %v", patience, what, last)
	}
}

// namespace makes a namespace for the test.
func (c *cluster) namespace(t *testing.T, name string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := c.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{})
	must(t, err)
	until(t, "the default ServiceAccount", func(ctx context.Context) error {
		_, err := c.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	return name
}

func template(app string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "etalon.dev/tool:v1"}}},
	}
}

func deployment(namespace, app string, replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(replicas),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
			Template: template(app),
		},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
