package images

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// registry has images that can be pulled, and those that are on the node.
type registry struct {
	internalapi.ImageManagerService
	remote, local map[string]bool
	pulls         int
}

func (r *registry) ImageStatus(_ context.Context, i *criv1.ImageSpec, _ bool) (*criv1.ImageStatusResponse, error) {
	if r.local[i.Image] {
		return &criv1.ImageStatusResponse{Image: &criv1.Image{Id: i.Image, Size: 7}}, nil
	}
	return &criv1.ImageStatusResponse{}, nil
}

func (r *registry) PullImage(_ context.Context, i *criv1.ImageSpec, _ *criv1.AuthConfig, _ *criv1.PodSandboxConfig) (string, error) {
	r.pulls++
	if !r.remote[i.Image] {
		return "", errors.New("not found")
	}
	r.local[i.Image] = true
	return i.Image, nil
}

const image = "docker.io/library/x:latest"

func fixture() (*registry, *record.FakeRecorder, *Puller, *time.Time) {
	r := &registry{remote: map[string]bool{}, local: map[string]bool{}}
	recorder, now := record.NewFakeRecorder(100), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := New(r, nil, recorder, Config{})
	p.now = func() time.Time { return now }
	return r, recorder, p, &now
}

func ensure(t *testing.T, p *Puller, policy v1.PullPolicy) *Failure {
	_, err := p.Ensure(t.Context(), &v1.Pod{}, &v1.Container{Name: "c", Image: "x", ImagePullPolicy: policy}, nil)
	var f *Failure
	if err != nil && !errors.As(err, &f) {
		t.Fatalf("an error of another kind: %v", err)
	}
	return f
}

func drain(r *record.FakeRecorder) string {
	var all []string
	for {
		select {
		case e := <-r.Events:
			all = append(all, e)
		default:
			return strings.Join(all, "\n")
		}
	}
}

func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		policy        v1.PullPolicy
		remote, local bool
		reason        string
		pulls         int
		event         string
	}{
		{v1.PullIfNotPresent, true, true, "", 0, `Normal Pulled Container image "x" already present on machine and can be accessed by the pod`},
		{v1.PullIfNotPresent, true, false, "", 1, `Normal Pulled Successfully pulled image "x" in 0s (0s including waiting). Image size: 7 bytes.`},
		{v1.PullAlways, true, true, "", 1, `Normal Pulling Pulling image "x"`},
		{v1.PullAlways, false, true, "ErrImagePull", 1, `Warning Failed Failed to pull image "x": not found`},
		{v1.PullNever, true, true, "", 0, `Normal Pulled Container image "x" already present on machine and can be accessed by the pod`},
		{v1.PullNever, true, false, "ErrImageNeverPull", 0, `Warning ErrImageNeverPull Container image "x" is not present with pull policy of Never`},
	} {
		r, recorder, p, _ := fixture()
		r.remote[image], r.local[image] = c.remote, c.local
		reason := ""
		if f := ensure(t, p, c.policy); f != nil {
			reason = f.Reason
		}
		if reason != c.reason || r.pulls != c.pulls {
			t.Errorf("%s, remote %v, local %v: got %q after %d pulls, want %q after %d", c.policy, c.remote, c.local, reason, r.pulls, c.reason, c.pulls)
		}
		if got := drain(recorder); !strings.Contains(got, c.event) {
			t.Errorf("%s: events %q, want %q", c.policy, got, c.event)
		}
	}
}

func TestAMissingImageIsAskedForEverMoreRarelyUntilItAppears(t *testing.T) {
	r, _, p, now := fixture()
	for i, delay := range []time.Duration{10, 20, 40, 80, 160, 300, 300} {
		if f := ensure(t, p, v1.PullIfNotPresent); f == nil || f.Reason != "ErrImagePull" {
			t.Fatalf("attempt %d: got %v, want ErrImagePull", i, f)
		}
		*now = now.Add(delay*time.Second - 1)
		f := ensure(t, p, v1.PullIfNotPresent)
		if f == nil || f.Reason != "ImagePullBackOff" || f.Message != `Back-off pulling image "x": ErrImagePull: not found` || f.Retry.Sub(*now) != 1 {
			t.Fatalf("just before the end of back-off %d: got %+v", i, f)
		}
		*now = now.Add(1)
	}
	r.remote[image] = true
	if f := ensure(t, p, v1.PullIfNotPresent); f != nil {
		t.Errorf("the image appeared: got %v", f)
	}
}

func parse(t *testing.T, image string) reference.Named {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		t.Fatal(err)
	}
	return named
}

func TestABadName(t *testing.T) {
	_, _, p, _ := fixture()
	_, err := p.Ensure(t.Context(), &v1.Pod{}, &v1.Container{Image: "Not A Name"}, nil)
	var f *Failure
	if !errors.As(err, &f) || f.Reason != "InvalidImageName" {
		t.Errorf("got %v", err)
	}
}

func TestCredentialsGoToTheirRegistryOnly(t *testing.T) {
	auth := base64.StdEncoding.EncodeToString([]byte("me:secret"))
	secret := &v1.Secret{Type: v1.SecretTypeDockerConfigJson, Data: map[string][]byte{v1.DockerConfigJsonKey: []byte(`{"auths":{
		"https://example.org":{"auth":"` + auth + `"}, "example.org/team":{"username":"team","password":"p"}, "*.wild.org":{"username":"w"},
		"https://index.docker.io/v1/":{"username":"hub"}}}`)}}
	for image, want := range map[string]int{
		"example.org/x:1": 1, "example.org/team/x:1": 2, "example.org/teamster/x": 2, "a.wild.org/x": 1, "wild.org/x": 0, "other.org/x": 0, "nginx": 1,
	} {
		if got := matching(entries(logins(secret), secret), parse(t, image)); len(got) != want {
			t.Errorf("%s: %d credentials fit, want %d", image, len(got), want)
		}
	}
	if got := matching(entries(logins(secret), secret), parse(t, "example.org/x")); got[0].Auth.Username != "me" || got[0].Auth.Password != "secret" || got[0].Auth.ServerAddress != "" {
		t.Errorf("got %v", got[0].Auth.Username)
	}
}

func TestTheNodesOwnCredentialsAreTriedAfterThePods(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config.json": `{"auths":{"a.example":{"username":"node"}}}`, ".dockercfg": `{"a.example/team":{"username":"old"}}`, "broken": "{",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	node := Files(filepath.Join(dir, "none"), filepath.Join(dir, "broken"), filepath.Join(dir, "config.json"), filepath.Join(dir, ".dockercfg"))
	p := New(nil, nil, nil, Config{Node: node})
	got, _ := p.credentials(t.Context(), &v1.Pod{}, "a.example/team/x")
	if len(got) != 2 || got[0].Auth.Username != "old" || got[1].Auth.Username != "node" {
		t.Errorf("got %v", got)
	}
	if got, _ := p.credentials(t.Context(), &v1.Pod{}, "b.example/x"); len(got) != 0 {
		t.Errorf("got %v for another registry", got)
	}
}

func TestTheRuntimesReasonsAreTold(t *testing.T) {
	for said, want := range map[string][2]string{
		"RegistryUnavailable: it is down":   {"RegistryUnavailable", "image pull failed for x because the registry is unavailable: it is down"},
		"SignatureValidationFailed: no key": {"SignatureValidationFailed", "image pull failed for x because the signature validation failed: no key"},
		"not found":                         {"ErrImagePull", "rpc error: code = Unknown desc = not found"},
	} {
		reason, message := explain("x", grpcstatus.Error(codes.Unknown, said))
		if reason != want[0] || message != want[1] {
			t.Errorf("%q: got %s, %q", said, reason, message)
		}
	}
}

func TestPullsAreLimited(t *testing.T) {
	l := newLimits(Config{Parallel: 1, QPS: 0.001, Burst: 2})
	for i, want := range []error{nil, nil, errTooMany} {
		if err := l.allowed(); !errors.Is(err, want) {
			t.Errorf("pull %d of a burst of 2: got %v, want %v", i+1, err, want)
		}
	}
	leave, err := l.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.enter(done); err == nil {
		t.Error("two pulls at the same time")
	}
	leave()
	if leave, err = l.enter(t.Context()); err != nil {
		t.Error("a pull that ended keeps the others out")
	}
	leave()
	unlimited := newLimits(Config{})
	for range 100 {
		if _, err := unlimited.enter(t.Context()); err != nil || unlimited.allowed() != nil {
			t.Fatal("without limits there is one")
		}
	}
}
