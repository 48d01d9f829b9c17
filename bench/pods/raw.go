package pods

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/spec"
)

// raw starts pods without an agent.
type raw struct {
	runtime *runtime.Client
	node    spec.Node
	// image is the one that pods use, as the runtime knows it.
	image string
}

// sandbox is a raw pod.
type sandbox struct {
	id     string
	config *criv1.PodSandboxConfig
	took   time.Duration
}

// start is what an agent must ask for at least: a sandbox, a container in it, and its start. The configuration is the
// one that our agent gives a pod like it, without the labels by which it knows its own.
func (r *raw) start(ctx context.Context, pod *corev1.Pod) (*sandbox, error) {
	pod = pod.DeepCopy()
	pod.Namespace, pod.UID = "raw", types.UID(uuid.NewString())
	s := &sandbox{config: r.node.Sandbox(pod, corev1.PodQOSBestEffort, 0)}
	s.config.Labels, s.config.LogDirectory = nil, ""
	s.config.Linux.CgroupParent = "/raw/pod" + string(pod.UID)
	container := r.node.Container(spec.Instance{Pod: pod, Container: &pod.Spec.Containers[0], QOS: corev1.PodQOSBestEffort, Image: r.image})
	container.Labels, container.LogPath = nil, ""
	began := time.Now()
	var err error
	if s.id, err = r.runtime.RunPodSandbox(ctx, s.config, ""); err != nil {
		return nil, fmt.Errorf("raw sandbox: %w", err)
	}
	id, err := r.runtime.CreateContainer(ctx, s.id, container, s.config)
	if err == nil {
		err = r.runtime.StartContainer(ctx, id)
	}
	s.took = time.Since(began)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("raw container: %w", err), r.remove(ctx, s))
	}
	return s, nil
}

func (r *raw) remove(ctx context.Context, s *sandbox) error {
	if err := r.runtime.StopPodSandbox(ctx, s.id); err != nil {
		return fmt.Errorf("raw sandbox: %w", err)
	}
	if err := r.runtime.RemovePodSandbox(ctx, s.id); err != nil {
		return fmt.Errorf("raw sandbox: %w", err)
	}
	return nil
}

// find notes the reference of the image of that name, which a pod has brought to the node.
func (r *raw) find(ctx context.Context, image string) error {
	status, err := r.runtime.Images.ImageStatus(ctx, &criv1.ImageSpec{Image: image}, false)
	if err != nil {
		return fmt.Errorf("image %s: %w", image, err)
	}
	if status.GetImage() == nil {
		return fmt.Errorf("the runtime has no image %s", image)
	}
	r.image = status.GetImage().GetId()
	return nil
}

// template is the pod that is started in every way.
func template(name, image string) *corev1.Pod {
	second := int64(1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &second,
			Containers:                    []corev1.Container{{Name: "main", Image: image, Args: []string{"sleep", "1h"}, ImagePullPolicy: corev1.PullIfNotPresent}},
		},
	}
}
