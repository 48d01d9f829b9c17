// Package images sees to it that a container's image is on the node.
package images

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/distribution/reference"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/events"
)

// The delays between attempts to pull an image for a pod (docs: concepts/containers/images,
// "ImagePullBackOff").
const (
	firstDelay = 10 * time.Second
	maxDelay   = 5 * time.Minute
	// showFailure is how long a pod shows the error itself before it shows the back-off.
	showFailure = 2 * time.Second
)

// Secrets gives the Secrets with credentials for registries.
type Secrets interface {
	Secret(ctx context.Context, namespace, name string) (*v1.Secret, error)
}

// Failure says why an image is not there, in the words of a container's waiting state.
type Failure struct {
	Reason, Message string
	// Retry is when to try again.
	Retry time.Time
}

func (f *Failure) Error() string { return f.Reason + ": " + f.Message }

// Puller pulls images by the containers' policies.
type Puller struct {
	service  internalapi.ImageManagerService
	secrets  Secrets
	recorder record.EventRecorder
	now      func() time.Time

	mu    sync.Mutex
	tries map[try]attempt
}

type try struct {
	pod   types.UID
	image string
}

// attempt is the last failure to pull.
type attempt struct {
	at    time.Time
	delay time.Duration
	err   string
}

// New returns a Puller.
func New(service internalapi.ImageManagerService, secrets Secrets, recorder record.EventRecorder) *Puller {
	return &Puller{service: service, secrets: secrets, recorder: recorder, now: time.Now, tries: map[try]attempt{}}
}

// Ensure returns the container's image, pulling it if the policy asks for that. The error is a *Failure.
func (p *Puller) Ensure(ctx context.Context, pod *v1.Pod, c *v1.Container, sandbox *criv1.PodSandboxConfig) (*criv1.Image, error) {
	origin := events.Container(pod, c.Name)
	name, err := normal(c.Image)
	if err != nil {
		p.recorder.Eventf(origin, v1.EventTypeWarning, "InspectFailed", "Failed to apply default image tag %q: %v", c.Image, err)
		return nil, &Failure{Reason: "InvalidImageName", Retry: p.now().Add(firstDelay),
			Message: fmt.Sprintf("Failed to apply default image tag %q: %v", c.Image, err)}
	}
	spec := &criv1.ImageSpec{Image: name, UserSpecifiedImage: c.Image}
	if c.ImagePullPolicy != v1.PullAlways {
		image, err := p.present(ctx, spec)
		if err != nil {
			p.recorder.Eventf(origin, v1.EventTypeWarning, "InspectFailed", "Failed to inspect image %q: %v", c.Image, err)
			return nil, &Failure{Reason: "ImageInspectError", Message: fmt.Sprintf("Failed to inspect image %q: %v", c.Image, err), Retry: p.now().Add(firstDelay)}
		}
		if image != nil {
			p.recorder.Eventf(origin, v1.EventTypeNormal, "Pulled", "Container image %q already present on machine", c.Image)
			return image, nil
		}
		if c.ImagePullPolicy == v1.PullNever {
			message := fmt.Sprintf("Container image %q is not present with pull policy of Never", c.Image)
			p.recorder.Event(origin, v1.EventTypeWarning, "ErrImageNeverPull", message)
			return nil, &Failure{Reason: "ErrImageNeverPull", Message: message, Retry: p.now().Add(firstDelay)}
		}
	}
	return p.pull(ctx, pod, c, spec, sandbox)
}

// Forget drops the back-off of a pod that is gone.
func (p *Puller) Forget(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for t := range p.tries {
		if t.pod == uid {
			delete(p.tries, t)
		}
	}
}

func (p *Puller) pull(ctx context.Context, pod *v1.Pod, c *v1.Container, spec *criv1.ImageSpec, sandbox *criv1.PodSandboxConfig) (*criv1.Image, error) {
	origin, key, now := events.Container(pod, c.Name), try{pod.UID, spec.Image}, p.now()
	if last, ok := p.last(key); ok && now.Before(last.at.Add(last.delay)) {
		p.recorder.Eventf(origin, v1.EventTypeNormal, "BackOff", "Back-off pulling image %q", c.Image)
		return nil, &Failure{Reason: "ImagePullBackOff", Retry: last.at.Add(last.delay),
			Message: fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %s", c.Image, last.err)}
	}
	p.recorder.Eventf(origin, v1.EventTypeNormal, "Pulling", "Pulling image %q", c.Image)
	err := p.fetch(ctx, pod, spec, sandbox)
	took := p.now().Sub(now).Truncate(time.Millisecond)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.recorder.Eventf(origin, v1.EventTypeWarning, "Failed", "Failed to pull image %q: %v", c.Image, err)
		failed := p.failed(key, err)
		retry := p.now().Add(showFailure)
		if failed.delay > firstDelay {
			retry = p.now().Add(time.Second)
		}
		return nil, &Failure{Reason: "ErrImagePull", Message: err.Error(), Retry: retry}
	}
	image, err := p.present(ctx, spec)
	if err == nil && image == nil {
		err = fmt.Errorf("image %q is not there after it was pulled", c.Image)
	}
	if err != nil {
		return nil, &Failure{Reason: "ImageInspectError", Message: err.Error(), Retry: p.now().Add(firstDelay)}
	}
	p.recorder.Eventf(origin, v1.EventTypeNormal, "Pulled",
		"Successfully pulled image %q in %v (%v including waiting). Image size: %v bytes.", c.Image, took, took, image.GetSize())
	p.mu.Lock()
	delete(p.tries, key)
	p.mu.Unlock()
	return image, nil
}

func (p *Puller) last(key try) (attempt, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.tries[key]
	return a, ok
}

func (p *Puller) failed(key try, err error) attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := attempt{at: p.now(), delay: firstDelay, err: err.Error()}
	if last, ok := p.tries[key]; ok {
		a.delay = min(2*last.delay, maxDelay)
	}
	p.tries[key] = a
	return a
}

func (p *Puller) present(ctx context.Context, spec *criv1.ImageSpec) (*criv1.Image, error) {
	status, err := p.service.ImageStatus(ctx, spec, false)
	if err != nil {
		return nil, err
	}
	return status.GetImage(), nil
}

// normal is the image's full name: with its registry, and :latest if it has no tag.
func normal(image string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", fmt.Errorf("couldn't parse image name %q: %w", image, err)
	}
	return reference.TagNameOnly(named).String(), nil
}
