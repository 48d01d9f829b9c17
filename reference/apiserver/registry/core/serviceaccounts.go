package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

// ServiceAccounts is the serviceaccounts resource; its token subresource belongs to package auth.
var ServiceAccounts = generic.Resource[*corev1.ServiceAccount]{
	GV: corev1.SchemeGroupVersion, Plural: "serviceaccounts", Singular: "serviceaccount", Short: []string{"sa"},
	Object: &corev1.ServiceAccount{}, List: &corev1.ServiceAccountList{},
	Validate:       validation.ServiceAccount,
	Warnings:       warnings.ServiceAccount,
	ValidateUpdate: validation.ServiceAccountUpdate,
	ReturnDeleted:  true,
	Columns: []generic.Column[*corev1.ServiceAccount]{
		generic.Name[*corev1.ServiceAccount](),
		generic.Age[*corev1.ServiceAccount](),
	},
}
