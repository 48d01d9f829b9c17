package volumes

import (
	"context"
	"errors"
	"fmt"
	"path"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/etalon-dev/etalon/reference/kubelet/env"
)

// File is one file of a volume whose content the agent writes.
type File struct {
	Data []byte
	Mode int32
	// Owner is the uid of the file, nil for root.
	Owner *int64
}

// Payload is the content of such a volume, by path below its root.
type Payload map[string]File

// defaultMode is a file's mode if nothing says otherwise.
const defaultMode = 0o644

func modeOf(own, common *int32) int32 {
	switch {
	case own != nil:
		return *own
	case common != nil:
		return *common
	default:
		return defaultMode
	}
}

// pick selects the items of data, or everything if there are none.
func pick(data map[string][]byte, items []v1.KeyToPath, mode *int32, optional bool, kind string) (Payload, error) {
	out := Payload{}
	if len(items) == 0 {
		for key, value := range data {
			out[key] = File{Data: value, Mode: modeOf(nil, mode)}
		}
		return out, nil
	}
	for _, item := range items {
		value, ok := data[item.Key]
		if !ok {
			if optional {
				continue
			}
			return nil, fmt.Errorf("references non-existent %s key: %s", kind, item.Key)
		}
		out[item.Path] = File{Data: value, Mode: modeOf(item.Mode, mode)}
	}
	return out, nil
}

// contents works out the payload of volumes.
type contents struct {
	env.Source
	tokens       Tokens
	trust        Trust
	certificates Certificates
}

func (c contents) configMap(ctx context.Context, name string, items []v1.KeyToPath, mode *int32, optional *bool) (Payload, error) {
	m, err := c.Objects.ConfigMap(ctx, c.Pod.Namespace, name)
	if err != nil {
		return nil, forgive(err, optional)
	}
	data := make(map[string][]byte, len(m.Data)+len(m.BinaryData))
	for k, v := range m.Data {
		data[k] = []byte(v)
	}
	for k, v := range m.BinaryData {
		data[k] = v
	}
	return pick(data, items, mode, is(optional), "config")
}

func (c contents) secret(ctx context.Context, name string, items []v1.KeyToPath, mode *int32, optional *bool) (Payload, error) {
	s, err := c.Objects.Secret(ctx, c.Pod.Namespace, name)
	if err != nil {
		return nil, forgive(err, optional)
	}
	return pick(s.Data, items, mode, is(optional), "secret")
}

func (c contents) downward(items []v1.DownwardAPIVolumeFile, mode *int32) (Payload, error) {
	out := Payload{}
	var failures []error
	for _, item := range items {
		var value string
		var err error
		if item.FieldRef != nil {
			value, err = env.Meta(c.Pod, item.FieldRef.FieldPath)
		} else if item.ResourceFieldRef != nil {
			value, err = env.Resource(item.ResourceFieldRef, c.Pod, nil, c.Allocatable)
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		out[path.Clean(item.Path)] = File{Data: []byte(value), Mode: modeOf(item.Mode, mode)}
	}
	return out, errors.Join(failures...)
}

func (c contents) token(ctx context.Context, t *v1.ServiceAccountTokenProjection, mode *int32) (Payload, error) {
	token, err := c.tokens.Token(ctx, c.Pod, t)
	if err != nil {
		return nil, err
	}
	return Payload{t.Path: c.private(File{Data: []byte(token), Mode: modeOf(nil, mode)})}, nil
}

// private is a file with something for the pod's own processes: it is closed to all others where we know whose those are.
func (c contents) private(f File) File {
	if sc := c.Pod.Spec.SecurityContext; sc != nil && sc.FSGroup != nil {
		f.Mode = 0o600
	} else if user := commonUser(c.Pod); user != nil {
		f.Mode, f.Owner = 0o600, user
	}
	return f
}

// commonUser returns the uid that all containers are said to run as, nil if they differ or do
// not say.
func commonUser(pod *v1.Pod) *int64 {
	var common *int64
	var pods *int64
	if pod.Spec.SecurityContext != nil {
		pods = pod.Spec.SecurityContext.RunAsUser
	}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			user := pods
			if sc := list[i].SecurityContext; sc != nil && sc.RunAsUser != nil {
				user = sc.RunAsUser
			}
			if user == nil || (common != nil && *common != *user) {
				return nil
			}
			common = user
		}
	}
	return common
}

func (c contents) projected(ctx context.Context, volume string, p *v1.ProjectedVolumeSource) (Payload, error) {
	out := Payload{}
	var failures []error
	for i, s := range p.Sources {
		var part Payload
		var err error
		switch {
		case s.ConfigMap != nil:
			part, err = c.configMap(ctx, s.ConfigMap.Name, s.ConfigMap.Items, p.DefaultMode, s.ConfigMap.Optional)
		case s.Secret != nil:
			part, err = c.secret(ctx, s.Secret.Name, s.Secret.Items, p.DefaultMode, s.Secret.Optional)
		case s.DownwardAPI != nil:
			part, err = c.downward(s.DownwardAPI.Items, p.DefaultMode)
		case s.ServiceAccountToken != nil:
			part, err = c.token(ctx, s.ServiceAccountToken, p.DefaultMode)
		case s.ClusterTrustBundle != nil:
			part, err = c.bundle(ctx, s.ClusterTrustBundle, p.DefaultMode)
		case s.PodCertificate != nil:
			part, err = c.certificate(ctx, volume, i, s.PodCertificate, p.DefaultMode)
		default:
			err = errors.New("unsupported source of a projected volume")
		}
		if err != nil {
			failures = append(failures, err)
		}
		for name, f := range part {
			out[name] = f
		}
	}
	return out, errors.Join(failures...)
}

// of returns the payload of the volume, false if its content is not the agent's.
func (c contents) of(ctx context.Context, v *v1.Volume) (Payload, bool, error) {
	var p Payload
	var err error
	switch {
	case v.ConfigMap != nil:
		p, err = c.configMap(ctx, v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.DefaultMode, v.ConfigMap.Optional)
	case v.Secret != nil:
		p, err = c.secret(ctx, v.Secret.SecretName, v.Secret.Items, v.Secret.DefaultMode, v.Secret.Optional)
	case v.DownwardAPI != nil:
		p, err = c.downward(v.DownwardAPI.Items, v.DownwardAPI.DefaultMode)
	case v.Projected != nil:
		p, err = c.projected(ctx, v.Name, v.Projected)
	default:
		return nil, false, nil
	}
	return p, true, err
}

func is(b *bool) bool { return b != nil && *b }

func forgive(err error, optional *bool) error {
	if is(optional) && apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
