// Package static runs the pods that are described on the node itself rather than at the API server, and keeps a mirror
// of each at the API server, so that users see it (docs: tasks/configure-pod-container/static-pod).
package static

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/etalon-dev/etalon/reference/apiserver/defaults"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/auth/podrefs"
)

// The annotations by which a static pod and its mirror are known. The fourth is v1.MirrorPodAnnotationKey.
const (
	// SourceAnnotation is where a pod's description came from: file or http.
	SourceAnnotation = "kubernetes.io/config.source"
	// HashAnnotation identifies the description; the mirror has it as the value of its mirror annotation.
	HashAnnotation = "kubernetes.io/config.hash"
	// SeenAnnotation is when the agent read the description.
	SeenAnnotation = "kubernetes.io/config.seen"
)

// Origin is where a description was found.
type Origin struct {
	// Kind is file or http, Name the path or the URL.
	Kind, Name string
}

// Is tells whether the pod is one that the agent took from the node itself.
func Is(pod *v1.Pod) bool {
	source := pod.Annotations[SourceAnnotation]
	return (source == "file" || source == "http") && !IsMirror(pod)
}

// IsMirror tells whether the pod, as the API server has it, stands for a static one.
func IsMirror(pod *v1.Pod) bool {
	_, ok := pod.Annotations[v1.MirrorPodAnnotationKey]
	return ok
}

var defaulter = func() *runtime.Scheme {
	s := runtime.NewScheme()
	defaults.Register(s)
	return s
}()

// decode reads one pod, in YAML or JSON, and makes it the node's: its name ends with the node's, its uid is that of
// the description, so that a changed description is another pod, and no taint drives it away.
func decode(text []byte, origin Origin, node string, now time.Time) (*v1.Pod, error) {
	pod := &v1.Pod{}
	if err := yaml.UnmarshalStrict(text, pod); err != nil {
		return nil, err
	}
	if pod.APIVersion != "v1" || pod.Kind != "Pod" {
		return nil, fmt.Errorf("it describes apiVersion %q, kind %q, not a v1 Pod", pod.APIVersion, pod.Kind)
	}
	if pod.Name == "" {
		return nil, errors.New("the pod has no name")
	}
	pod.UID, pod.ResourceVersion, pod.DeletionTimestamp, pod.Status = "", "", nil, v1.PodStatus{}
	hash, err := fingerprint(pod, origin, node)
	if err != nil {
		return nil, err
	}
	pod.UID, pod.Generation = types.UID(hash), 1
	pod.Name += "-" + strings.ToLower(node)
	if pod.Namespace == "" {
		pod.Namespace = v1.NamespaceDefault
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[SourceAnnotation] = origin.Kind
	pod.Annotations[HashAnnotation] = hash
	pod.Annotations[SeenAnnotation] = now.Format(time.RFC3339Nano)
	delete(pod.Annotations, v1.MirrorPodAnnotationKey)
	pod.Spec.NodeName = node
	pod.Spec.Tolerations = append(pod.Spec.Tolerations, v1.Toleration{Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute})
	defaulter.Default(pod)
	pod.Status.Phase = v1.PodPending
	return pod, check(pod)
}

// check returns why the pod cannot run: it is invalid, or needs what only the API server has.
func check(pod *v1.Pod) error {
	if errs := validation.Pod(pod); len(errs) > 0 {
		return errs.ToAggregate()
	}
	refs := podrefs.Of(pod)
	for _, c := range []struct {
		used bool
		what string
	}{
		{len(pod.Spec.EphemeralContainers) > 0, "ephemeral containers"},
		{refs.ServiceAccount != "", "serviceaccounts"}, {refs.ServiceAccountTokens, "serviceaccounts"}, {len(refs.Secrets) > 0, "secrets"},
		{len(refs.ConfigMaps) > 0, "configmaps"}, {refs.TrustBundles, "clustertrustbundles"}, {refs.PodCertificate, "podcertificates"},
		{len(refs.PersistentVolumeClaims) > 0, "persistentvolumeclaims"}, {len(pod.Spec.ResourceClaims) > 0, "resourceclaims"},
	} {
		if c.used {
			return fmt.Errorf("static pods cannot refer to %s", c.what)
		}
	}
	return nil
}

// fingerprint identifies a description on a node.
func fingerprint(pod *v1.Pod, origin Origin, node string) (string, error) {
	text, err := json.Marshal(pod)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s", node, origin.Kind, origin.Name, text)
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}
