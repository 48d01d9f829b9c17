package spec

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// CheckNonRoot fails if the container must not run as root and would, or might: when it names
// no user, the image's decides, and a user by name cannot be told.
func CheckNonRoot(pod *v1.Pod, c *v1.Container, image *criv1.Image) error {
	ps, cs := pod.Spec.SecurityContext, c.SecurityContext
	if ps == nil {
		ps = &v1.PodSecurityContext{}
	}
	if cs == nil {
		cs = &v1.SecurityContext{}
	}
	if !is(or(cs.RunAsNonRoot, ps.RunAsNonRoot)) {
		return nil
	}
	where := fmt.Sprintf("(pod: %q, container: %s)", fmt.Sprintf("%s_%s(%s)", pod.Name, pod.Namespace, pod.UID), c.Name)
	if user := or(cs.RunAsUser, ps.RunAsUser); user != nil {
		if *user == 0 {
			return fmt.Errorf("container's runAsUser breaks non-root policy %s", where)
		}
		return nil
	}
	switch {
	case image.GetUsername() != "":
		return fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root %s", image.GetUsername(), where)
	case image.GetUid().GetValue() == 0:
		return fmt.Errorf("container has runAsNonRoot and image will run as root %s", where)
	}
	return nil
}
