// Package hostpath is the built-in provisioner etalon.dev/hostpath: a volume is a directory on the disk of the node that
// its first pod runs on, and every pod that uses it later runs there too. The node's agent makes the directory and
// deletes it, asked through the API server (nodes/proxy).
//
// What it does not do it says in the claim's event ProvisioningFailed: volumes for many nodes, block devices, classes
// that bind immediately. A volume is not kept to its size.
package hostpath

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/persistentvolume"
)

// Name is what StorageClasses call the provisioner.
const Name = "etalon.dev/hostpath"

// Rules is what it must be allowed to do besides what controllers may.
var Rules = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get"}},
	{APIGroups: []string{""}, Resources: []string{"nodes/proxy"}, Verbs: []string{"update", "delete"}},
}

// Provisioner asks the nodes.
type Provisioner struct {
	// Client reaches the API server.
	Client kubernetes.Interface
	// Ask sends a request to a node's agent and returns the answer.
	Ask func(ctx context.Context, verb, node, path string, query map[string]string) ([]byte, error)
}

// New returns a Provisioner that reaches the nodes through the API server.
func New(client kubernetes.Interface) *Provisioner {
	return &Provisioner{Client: client, Ask: func(ctx context.Context, verb, node, path string, query map[string]string) ([]byte, error) {
		request := client.CoreV1().RESTClient().Verb(verb).Resource("nodes").Name(node).SubResource("proxy").Suffix(path)
		for key, value := range query {
			request = request.Param(key, value)
		}
		answer := request.Do(ctx)
		text, err := answer.Raw()
		if err != nil && len(text) > 0 && !json.Valid(text) {
			// What the node says, without the API server's words about it.
			err = &refusal{strings.TrimSpace(string(text)), err}
		}
		return text, err
	}}
}

// refusal is what a node answered.
type refusal struct {
	text  string
	cause error
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.cause }

// Provision implements persistentvolume.Provisioner.
func (p *Provisioner) Provision(ctx context.Context, r persistentvolume.Request) (*corev1.PersistentVolume, error) {
	if err := supported(r); err != nil {
		return nil, err
	}
	node, err := p.Client.CoreV1().Nodes().Get(ctx, r.Node, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	size := r.Claim.Spec.Resources.Requests[corev1.ResourceStorage]
	text, err := p.Ask(ctx, "PUT", r.Node, path(r.Name), map[string]string{"bytes": strconv.FormatInt(size.Value(), 10)})
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", r.Node, err)
	}
	var made struct{ Path string }
	if err := json.Unmarshal(text, &made); err != nil || !strings.HasPrefix(made.Path, "/") {
		return nil, fmt.Errorf("node %s made no directory: its agent is not etalon's", r.Node)
	}
	return volume(node, made.Path, size), nil
}

// supported tells what is asked for in vain.
func supported(r persistentvolume.Request) error {
	const shared = "%s is not supported: the volume is on one node"
	switch modes := r.Claim.Spec.AccessModes; {
	case r.Node == "":
		return errors.New("the class has to say volumeBindingMode: WaitForFirstConsumer, since the volume is on the node of its first pod")
	case ptr.Deref(r.Claim.Spec.VolumeMode, corev1.PersistentVolumeFilesystem) == corev1.PersistentVolumeBlock:
		return errors.New("volumeMode Block is not supported: the volume is a directory")
	case slices.Contains(modes, corev1.ReadWriteMany):
		return fmt.Errorf(shared, corev1.ReadWriteMany)
	case slices.Contains(modes, corev1.ReadOnlyMany):
		return fmt.Errorf(shared, corev1.ReadOnlyMany)
	case r.Claim.Spec.Selector != nil:
		return errors.New("a selector is not supported for volumes that are made on demand")
	case r.Claim.Spec.DataSource != nil || r.Claim.Spec.DataSourceRef != nil:
		return errors.New("a data source is not supported")
	}
	return nil
}

func volume(node *corev1.Node, path string, size resource.Quantity) *corev1.PersistentVolume {
	term := corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
		{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node.Labels[corev1.LabelHostname]}},
	}}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{nodeAnnotation: node.Name}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:               corev1.ResourceList{corev1.ResourceStorage: size},
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path}},
			NodeAffinity:           &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}},
		},
	}
}

// nodeAnnotation says which node has the directory.
const nodeAnnotation = "hostpath.etalon.dev/node"

// Delete implements persistentvolume.Provisioner. With its node the directory is gone.
func (p *Provisioner) Delete(ctx context.Context, v *corev1.PersistentVolume) error {
	name := v.Annotations[nodeAnnotation]
	if name == "" {
		return fmt.Errorf("volume %s has no annotation %s: it is not known where its directory is", v.Name, nodeAnnotation)
	}
	if _, err := p.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{}); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	_, err := p.Ask(ctx, "DELETE", name, path(v.Name), nil)
	if apierrors.IsConflict(err) {
		return fmt.Errorf("node %s: %w", name, persistentvolume.ErrInUse)
	}
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	return nil
}

// Expand implements volumeexpand.Expander: a directory is as large as its disk.
func (p *Provisioner) Expand(context.Context, *corev1.PersistentVolume, resource.Quantity) error {
	return nil
}

func path(volume string) string { return "directories/" + volume }
