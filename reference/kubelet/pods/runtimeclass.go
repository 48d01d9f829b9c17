package pods

import (
	"context"

	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/objects"
)

// handler is the runtime's own name for the way to run the pod that its RuntimeClass stands for; empty for the usual
// one. Whether the runtime knows it, the runtime says (docs: concepts/containers/runtime-class).
func (t *tasks) handler(ctx context.Context) (string, error) {
	name := t.pod.Spec.RuntimeClassName
	if name == nil || *name == "" {
		return "", nil
	}
	class, err := objects.Patiently(ctx, func() (*nodev1.RuntimeClass, error) {
		return t.m.Client.NodeV1().RuntimeClasses().Get(ctx, *name, metav1.GetOptions{})
	})
	if err != nil {
		return "", err
	}
	return class.Handler, nil
}
