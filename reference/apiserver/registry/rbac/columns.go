package rbac

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

func bindingColumns[T generic.Object](parts func(T) (rbacv1.RoleRef, []rbacv1.Subject)) []generic.Column[T] {
	subjects := func(name, doc, kind string, write func(rbacv1.Subject) string) generic.Column[T] {
		return generic.Column[T]{Name: name, Wide: true, Doc: doc, Cell: func(b T) any {
			_, all := parts(b)
			var names []string
			for _, s := range all {
				if s.Kind == kind {
					names = append(names, write(s))
				}
			}
			return strings.Join(names, ", ")
		}}
	}
	name := func(s rbacv1.Subject) string { return s.Name }
	return []generic.Column[T]{
		generic.Name[T](),
		{Name: "Role", Doc: rbacv1.RoleBinding{}.SwaggerDoc()["roleRef"], Cell: func(b T) any {
			ref, _ := parts(b)
			return ref.Kind + "/" + ref.Name
		}},
		generic.Age[T](),
		subjects("Users", "Users in the roleBinding", rbacv1.UserKind, name),
		subjects("Groups", "Groups in the roleBinding", rbacv1.GroupKind, name),
		subjects("ServiceAccounts", "ServiceAccounts in the roleBinding", rbacv1.ServiceAccountKind,
			func(s rbacv1.Subject) string { return s.Namespace + "/" + s.Name }),
	}
}
