package volumes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/env"
)

// someObjects has one ConfigMap, cm, and no Secret.
type someObjects struct{ data map[string]string }

func (o someObjects) ConfigMap(_ context.Context, _, name string) (*v1.ConfigMap, error) {
	if name != "cm" {
		return nil, errors.New(`configmap "` + name + `" not found`)
	}
	return &v1.ConfigMap{Data: o.data}, nil
}

func (o someObjects) Secret(context.Context, string, string) (*v1.Secret, error) {
	return nil, errors.New("secret not found")
}

func withVolumes(vs ...v1.Volume) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u"},
		Spec: v1.PodSpec{Volumes: vs, Containers: []v1.Container{{Name: "c"}}}}
}

func configMap(name string) v1.Volume {
	return v1.Volume{Name: "v", VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: v1.LocalObjectReference{Name: name}}}}
}

func TestAConfigMapIsBroughtUpToDate(t *testing.T) {
	m, pod := New(t.TempDir(), nil), withVolumes(configMap("cm"))
	for _, text := range []string{"1", "2"} {
		must(t, m.Mount(t.Context(), env.Source{Pod: pod, Objects: someObjects{map[string]string{"k": text}}}))
		got, err := os.ReadFile(filepath.Join(m.PodDir("u"), "volumes/kubernetes.io~configmap/v/k"))
		if err != nil || string(got) != text {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
	}
	must(t, m.Remove(t.Context(), "u"))
	if _, err := os.Stat(m.PodDir("u")); !os.IsNotExist(err) {
		t.Errorf("the pod's directory is still there: %v", err)
	}
}

func TestAFailureNamesTheVolume(t *testing.T) {
	err := New(t.TempDir(), nil).Mount(t.Context(), env.Source{Pod: withVolumes(configMap("none")), Objects: someObjects{}})
	if want := `MountVolume.SetUp failed for volume "v" : configmap "none" not found`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAnEmptyDirKeepsItsContent(t *testing.T) {
	m := New(t.TempDir(), nil)
	src := env.Source{Pod: withVolumes(v1.Volume{Name: "e", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}})}
	must(t, m.Mount(t.Context(), src))
	file := filepath.Join(m.PodDir("u"), "volumes/kubernetes.io~empty-dir/e/x")
	must(t, os.WriteFile(file, []byte("x"), 0o600))
	must(t, m.Mount(t.Context(), src))
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestItems(t *testing.T) {
	data := map[string][]byte{"a": []byte("1"), "b": []byte("2")}
	p, err := pick(data, []v1.KeyToPath{{Key: "a", Path: "x/y", Mode: ptr.To(int32(0o400))}}, ptr.To(int32(0o600)), false, "config")
	if err != nil || len(p) != 1 || p["x/y"].Mode != 0o400 || string(p["x/y"].Data) != "1" {
		t.Errorf("got %v, %v", p, err)
	}
	_, err = pick(data, []v1.KeyToPath{{Key: "c", Path: "x"}}, nil, false, "config")
	if err == nil || err.Error() != "references non-existent config key: c" {
		t.Errorf("a missing key: got %v", err)
	}
	if p, err := pick(data, []v1.KeyToPath{{Key: "c", Path: "x"}}, nil, true, "config"); err != nil || len(p) != 0 {
		t.Errorf("a missing key of an optional object: got %v, %v", p, err)
	}
}

func TestHostPathTypes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		kind v1.HostPathType
		path string
		ok   bool
	}{
		{v1.HostPathUnset, filepath.Join(dir, "none"), true},
		{v1.HostPathDirectory, dir, true},
		{v1.HostPathDirectory, file, false},
		{v1.HostPathFile, file, true},
		{v1.HostPathFile, dir, false},
		{v1.HostPathFile, filepath.Join(dir, "none"), false},
		{v1.HostPathFile, "/dev/null", true},
		{v1.HostPathSocket, file, false},
		{v1.HostPathCharDev, "/dev/null", true},
		{v1.HostPathBlockDev, "/dev/null", false},
		{v1.HostPathDirectoryOrCreate, filepath.Join(dir, "new/dir"), true},
		{v1.HostPathFileOrCreate, filepath.Join(dir, "new/file"), true},
		{v1.HostPathFileOrCreate, filepath.Join(dir, "nowhere/file"), false},
	} {
		err := hostPath(&v1.HostPathVolumeSource{Path: c.path, Type: &c.kind})
		if err != nil && c.kind == v1.HostPathSocket {
			if want := "hostPath type check failed: " + c.path + " is not a socket file"; err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		if (err == nil) != c.ok {
			t.Errorf("%s as %q: got %v, want ok=%v", c.path, c.kind, err, c.ok)
		}
	}
}

func TestTokensAreRenewedAfterFourFifthsOfTheirLife(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	client, asked := fake.NewClientset(), 0
	client.PrependReactor("create", "serviceaccounts/token", func(clienttesting.Action) (bool, runtime.Object, error) {
		asked++
		return true, &authv1.TokenRequest{Status: authv1.TokenRequestStatus{Token: "t", ExpirationTimestamp: metav1.NewTime(now.Add(time.Hour))}}, nil
	})
	c := NewTokenCache(client)
	c.now = func() time.Time { return now }
	get := func() {
		if _, err := c.Token(t.Context(), withVolumes(), &v1.ServiceAccountTokenProjection{}); err != nil {
			t.Fatal(err)
		}
	}
	get()
	now = now.Add(47 * time.Minute)
	get()
	if asked != 1 {
		t.Errorf("asked %d times within 47 of 60 minutes, want once", asked)
	}
	now = now.Add(2 * time.Minute)
	get()
	if asked != 2 {
		t.Errorf("asked %d times after 49 of 60 minutes, want twice", asked)
	}
}

func TestMemoryLimit(t *testing.T) {
	limited := withVolumes()
	limited.Spec.Containers[0].Resources.Limits = v1.ResourceList{v1.ResourceMemory: resource.MustParse("10")}
	size := resource.MustParse("5")
	for _, c := range []struct {
		pod  *v1.Pod
		size *resource.Quantity
		want int64
	}{{withVolumes(), nil, 0}, {withVolumes(), &size, 5}, {limited, nil, 10}, {limited, &size, 5}} {
		if got := memoryLimit(c.pod, &v1.EmptyDirVolumeSource{SizeLimit: c.size}); got != c.want {
			t.Errorf("got %d, want %d", got, c.want)
		}
	}
}
