// Package images sees to it that a container's image is on the node.
package images

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	grpcstatus "google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

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
	limits   limits
	node     NodeCredentials
	records  *Records
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
	// reason and err are what the failure was shown as.
	reason, err string
}

// Config says how images are pulled.
type Config struct {
	// Parallel is how many pulls may go on at the same time, 0 for any number.
	Parallel int
	// QPS and Burst bound how many are begun; a QPS of 0 does not.
	QPS   float32
	Burst int
	// Node gives the credentials that the node itself has, for all pods; nil if it has none.
	Node NodeCredentials
	// Records know which pods may use images that are there; nil stands for some that last as long as the Puller.
	Records *Records
}

// NodeCredentials are a node's own for registries (docs: concepts/containers/images#using-a-private-registry).
type NodeCredentials interface {
	// For returns those that fit the image and are for the pod, the most specific first.
	For(ctx context.Context, pod *v1.Pod, image reference.Named) []Credential
}

// New returns a Puller.
func New(service internalapi.ImageManagerService, secrets Secrets, recorder record.EventRecorder, c Config) *Puller {
	if c.Records == nil {
		c.Records = newRecords("", Verification{})
	}
	return &Puller{service: service, secrets: secrets, recorder: recorder, limits: newLimits(c), node: c.Node, records: c.Records,
		now: time.Now, tries: map[try]attempt{}}
}

// want is an image that a pod needs.
type want struct {
	pod *v1.Pod
	// origin is what events are about.
	origin runtime.Object
	image  string
	policy v1.PullPolicy
}

// Ensure returns the container's image, pulling it if the policy asks for that. The error is a *Failure.
func (p *Puller) Ensure(ctx context.Context, pod *v1.Pod, c *v1.Container, sandbox *criv1.PodSandboxConfig) (*criv1.Image, error) {
	return p.ensure(ctx, want{pod, events.Container(pod, c.Name), c.Image, c.ImagePullPolicy}, sandbox)
}

// EnsureVolume is Ensure for the image of a volume (KEP-4639).
func (p *Puller) EnsureVolume(ctx context.Context, pod *v1.Pod, v *v1.ImageVolumeSource, sandbox *criv1.PodSandboxConfig) (*criv1.Image, error) {
	return p.ensure(ctx, want{pod, events.Pod(pod), v.Reference, v.PullPolicy}, sandbox)
}

func (p *Puller) ensure(ctx context.Context, w want, sandbox *criv1.PodSandboxConfig) (*criv1.Image, error) {
	name, err := normal(w.image)
	if err != nil {
		message := fmt.Sprintf("Failed to apply default image tag %q: %v", w.image, err)
		p.recorder.Event(w.origin, v1.EventTypeWarning, "InspectFailed", message)
		return nil, &Failure{Reason: "InvalidImageName", Message: message, Retry: p.now().Add(firstDelay)}
	}
	spec := &criv1.ImageSpec{Image: name, UserSpecifiedImage: w.image}
	if w.policy != v1.PullAlways {
		image, err := p.present(ctx, spec)
		if err != nil {
			message := fmt.Sprintf("Failed to inspect image %q: %v", w.image, err)
			p.recorder.Event(w.origin, v1.EventTypeWarning, "InspectFailed", message)
			return nil, &Failure{Reason: "ImageInspectError", Message: message, Retry: p.now().Add(firstDelay)}
		}
		show := func() []Credential {
			all, _ := p.credentials(ctx, w.pod, name)
			return all
		}
		if image != nil && p.records.MayUse(ctx, w.image, image.Id, show) {
			p.missing(ctx, w.pod)
			p.recorder.Eventf(w.origin, v1.EventTypeNormal, "Pulled", "Container image %q already present on machine and can be accessed by the pod", w.image)
			return image, nil
		}
		if w.policy == v1.PullNever {
			message := fmt.Sprintf("Container image %q is not present with pull policy of Never", w.image)
			p.recorder.Event(w.origin, v1.EventTypeWarning, "ErrImageNeverPull", message)
			return nil, &Failure{Reason: "ErrImageNeverPull", Message: message, Retry: p.now().Add(firstDelay)}
		}
	}
	return p.pull(ctx, w, spec, sandbox)
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

func (p *Puller) pull(ctx context.Context, w want, spec *criv1.ImageSpec, sandbox *criv1.PodSandboxConfig) (*criv1.Image, error) {
	key, asked := try{w.pod.UID, spec.Image}, p.now()
	if last, ok := p.last(key); ok && asked.Before(last.at.Add(last.delay)) {
		p.recorder.Eventf(w.origin, v1.EventTypeNormal, "BackOff", "Back-off pulling image %q", w.image)
		return nil, &Failure{Reason: "ImagePullBackOff", Retry: last.at.Add(last.delay),
			Message: fmt.Sprintf("Back-off pulling image %q: %s: %s", w.image, last.reason, last.err)}
	}
	if err := p.records.Begin(w.image); err != nil {
		return nil, &Failure{Reason: "ErrImagePull", Message: err.Error(), Retry: asked.Add(firstDelay)}
	}
	noted := false
	defer func() {
		if !noted {
			p.records.Failed(w.image)
		}
	}()
	p.recorder.Eventf(w.origin, v1.EventTypeNormal, "Pulling", "Pulling image %q", w.image)
	leave, err := p.limits.enter(ctx)
	if err != nil {
		return nil, err
	}
	began := p.now()
	var with *Credential
	err = p.limits.allowed()
	if err == nil {
		with, err = p.fetch(ctx, w.pod, spec, sandbox)
	}
	leave()
	took, waited := p.now().Sub(began).Truncate(time.Millisecond), p.now().Sub(asked).Truncate(time.Millisecond)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		reason, message := explain(w.image, err)
		p.recorder.Eventf(w.origin, v1.EventTypeWarning, "Failed", "Failed to pull image %q: %v", w.image, err)
		failed := p.failed(key, reason, message)
		retry := p.now().Add(showFailure)
		if failed.delay > firstDelay {
			retry = p.now().Add(time.Second)
		}
		return nil, &Failure{Reason: reason, Message: message, Retry: retry}
	}
	image, err := p.present(ctx, spec)
	if err == nil && image == nil {
		err = fmt.Errorf("image %q is not there after it was pulled", w.image)
	}
	if err != nil {
		return nil, &Failure{Reason: "ImageInspectError", Message: err.Error(), Retry: p.now().Add(firstDelay)}
	}
	noted = true
	if err := p.records.Pulled(w.image, image.Id, with); err != nil {
		klog.FromContext(ctx).Error(err, "Others will have to show a credential", "image", w.image)
	}
	p.recorder.Eventf(w.origin, v1.EventTypeNormal, "Pulled",
		"Successfully pulled image %q in %v (%v including waiting). Image size: %v bytes.", w.image, took, waited, image.GetSize())
	p.mu.Lock()
	delete(p.tries, key)
	p.mu.Unlock()
	return image, nil
}

// explain returns the reason of the waiting state for a failed pull, and its message: the runtime may say by the
// beginning of its words that more than the image is at fault.
func explain(image string, err error) (reason, message string) {
	said := err.Error()
	if s, ok := grpcstatus.FromError(err); ok {
		said = s.Message()
	}
	for reason, why := range map[string]string{
		"RegistryUnavailable": "the registry is unavailable", "SignatureValidationFailed": "the signature validation failed",
	} {
		if rest, ok := strings.CutPrefix(said, reason); ok {
			return reason, fmt.Sprintf("image pull failed for %s because %s%s", image, why, rest)
		}
	}
	return "ErrImagePull", err.Error()
}

func (p *Puller) last(key try) (attempt, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.tries[key]
	return a, ok
}

func (p *Puller) failed(key try, reason, message string) attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := attempt{at: p.now(), delay: firstDelay, reason: reason, err: message}
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
