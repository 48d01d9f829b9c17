package noderestriction

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// token: a node gets ServiceAccount tokens for its own pods, bound to them, for the audiences that they use.
func (w write) token() error {
	if w.GetOperation() != admission.Create || w.GetSubresource() != "token" {
		return nil
	}
	request, ok := w.GetObject().(*authenticationv1.TokenRequest)
	if !ok {
		return w.unexpectedType()
	}
	ref := request.Spec.BoundObjectRef
	if ref == nil || ref.APIVersion != "v1" || ref.Kind != "Pod" || ref.Name == "" {
		return fmt.Errorf("node requested token not bound to a pod")
	}
	if ref.UID == "" {
		return fmt.Errorf("node requested token with a pod binding without a uid")
	}
	pod, err := w.p.pods.Pods(w.GetNamespace()).Get(ref.Name)
	if err != nil {
		return asIs{err}
	}
	if ref.UID != pod.UID {
		return fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID)
	}
	if pod.Spec.NodeName != w.node {
		return fmt.Errorf("node requested token bound to a pod scheduled on a different node")
	}
	return w.audience(request, pod)
}

// audience: ServiceAccountNodeAudienceRestriction, on since v1.33.
func (w write) audience(request *authenticationv1.TokenRequest, pod *corev1.Pod) error {
	audience := ""
	switch len(request.Spec.Audiences) {
	case 0:
	case 1:
		audience = request.Spec.Audiences[0]
	default:
		return fmt.Errorf("node may only request 0 or 1 audiences")
	}
	uses, err := w.p.usesAudience(pod, audience)
	if err != nil {
		return asIs{fmt.Errorf("error validating audience %q: %w", audience, err)}
	}
	if uses || w.mayRequest(audience, pod.Namespace) {
		return nil
	}
	return fmt.Errorf("audience %q not found in pod spec volume", audience)
}

// mayRequest: an administrator lets nodes ask for further audiences by a made-up verb and resource, for
// tokens that image credential providers need.
func (w write) mayRequest(audience, namespace string) bool {
	decision, _, err := w.p.authorizer.Authorize(context.Background(), authorizer.AttributesRecord{
		User: w.GetUserInfo(), Verb: "request-serviceaccounts-token-audience", Namespace: namespace,
		APIVersion: "*", Resource: audience, Name: w.GetName(), ResourceRequest: true})
	return err == nil && decision == authorizer.DecisionAllow
}

// usesAudience: a projected token, or a CSI driver of a volume, asks for it. Volumes that cannot be looked into
// matter only if none of the others does.
func (p *Plugin) usesAudience(pod *corev1.Pod, audience string) (bool, error) {
	var errs []error
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if v.Projected != nil {
			for _, source := range v.Projected.Sources {
				if source.ServiceAccountToken != nil && source.ServiceAccountToken.Audience == audience {
					return true, nil
				}
			}
		}
		driver, err := p.driverOf(pod, v)
		if err != nil {
			errs = append(errs, err)
		}
		if driver != nil {
			for _, request := range driver.Spec.TokenRequests {
				if request.Audience == audience {
					return true, nil
				}
			}
		}
	}
	return false, errors.Join(errs...)
}

// driverOf is the CSI driver that mounts the volume, nil if there is none.
func (p *Plugin) driverOf(pod *corev1.Pod, v *corev1.Volume) (*storagev1.CSIDriver, error) {
	name := ""
	switch {
	case v.CSI != nil:
		name = v.CSI.Driver
	case v.PersistentVolumeClaim != nil || v.Ephemeral != nil:
		claimName := pod.Name + "-" + v.Name
		if v.PersistentVolumeClaim != nil {
			claimName = v.PersistentVolumeClaim.ClaimName
		}
		claim, err := p.claims.PersistentVolumeClaims(pod.Namespace).Get(claimName)
		if err != nil {
			return nil, err
		}
		if claim.Spec.VolumeName == "" {
			return nil, nil // not bound yet
		}
		volume, err := p.volumes.Get(claim.Spec.VolumeName)
		if err != nil {
			return nil, err
		}
		if volume.Spec.CSI != nil {
			name = volume.Spec.CSI.Driver
		}
	}
	if name == "" {
		return nil, nil
	}
	driver, err := p.drivers.Get(name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return driver, err
}
