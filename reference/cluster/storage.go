package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/hostpath"
)

// StorageClass is the name of the class that claims get which name none.
const StorageClass = "standard"

// provisionerRole is what the built-in provisioner may do.
const provisionerRole = "etalon:hostpath-provisioner"

// standardClass has a directory made on the node of the first pod.
func standardClass() *storagev1.StorageClass {
	return &storagev1.StorageClass{
		ObjectMeta:           metav1.ObjectMeta{Name: StorageClass, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
		Provisioner:          hostpath.Name,
		ReclaimPolicy:        ptr.To(corev1.PersistentVolumeReclaimDelete),
		VolumeBindingMode:    ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
		AllowVolumeExpansion: ptr.To(true),
	}
}

// makeStorage makes the default class and gives the controllers what its provisioner needs, once in the life of a
// cluster: a class that someone has deleted or changed stays so.
func makeStorage(ctx context.Context, client kubernetes.Interface) error {
	rbac := client.RbacV1()
	_, err := rbac.ClusterRoleBindings().Get(ctx, provisionerRole, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: provisionerRole}, Rules: hostpath.Rules}
	if _, err := rbac.ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if _, err := client.StorageV1().StorageClasses().Create(ctx, standardClass(), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	_, err = rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: provisionerRole},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: userControllers}},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: provisionerRole}}, metav1.CreateOptions{})
	return err
}
