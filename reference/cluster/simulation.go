package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/cluster/process"
	"github.com/etalon-dev/etalon/reference/simulation"
)

const (
	simulationFile  = "simulation.json"
	simulationState = "simulation.state"
	// simulationPort is where the simulated nodes' kubelets are said to be, at the machine's address on the cluster's network.
	simulationPort = 10250
)

// simulator is the process that simulates nodes.
func (c *Cluster) simulator() spec.Process {
	pki := func(name string) string { return c.path("pki", name) }
	args := []string{
		"--kubeconfig", c.path("kubeconfigs", "simulation"), "--nodes", strconv.Itoa(c.SimulatedNodes),
		"--listen", netip.AddrPortFrom(c.plan().Machine().Addr(), simulationPort).String(),
		"--tls-cert-file", pki("simulation.crt"), "--tls-private-key-file", pki("simulation.key"),
	}
	for _, flag := range c.Simulate {
		args = append(args, "--"+flag)
	}
	p := c.etalon("simulation", c.path("logs", "simulation.log"), args...)
	p.Args[0] = "simulate"
	p.Env = node.Environment(c.Programs)
	return p
}

// findSimulation returns the simulator's supervisor, or nil when it does not run. It is one of its own, so that
// simulated nodes can be added to a cluster that runs.
func (c *Cluster) findSimulation() (*process.Handle, error) {
	return process.Find(c.path(simulationFile), c.ID)
}

// simulate starts the simulator, anew if it runs with other settings, and waits until all its nodes are Ready.
func (u *up) simulate(ctx context.Context) error {
	c := u.cluster
	title := fmt.Sprintf("%d simulated %s ready", c.SimulatedNodes, plural(c.SimulatedNodes, "node"))
	err := u.progress.step(title, time.Now(), func() error {
		if err := allowSimulation(ctx, u.client); err != nil {
			return err
		}
		started, err := c.startSimulation(ctx)
		if err != nil {
			return err
		}
		u.report.Already = u.report.Already && !started
		return until(ctx, c.simulatedReady(u.client), c.simulationBroken())
	})
	return failed(title, c.path("logs", "simulation.log"), err)
}

// startSimulation says whether it started anything.
func (c *Cluster) startSimulation(ctx context.Context) (bool, error) {
	task := spec.Spec{Processes: []spec.Process{c.simulator()}, NoFile: 1 << 20, StateFile: c.path(simulationState)}
	running, err := c.findSimulation()
	if err != nil {
		return false, err
	}
	if running != nil {
		defer running.Close()
		if old, err := spec.Load(c.path(simulationFile)); err == nil && slices.Equal(old.Processes[0].Args, task.Processes[0].Args) {
			return false, nil
		}
		if err := running.Kill(ctx); err != nil {
			return false, err
		}
	}
	return true, c.supervise(simulationFile, task)
}

// supervise starts a supervisor on this machine, which outlives this process.
func (c *Cluster) supervise(file string, task spec.Spec) error {
	if err := os.Remove(task.StateFile); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := spec.Save(c.path(file), task); err != nil {
		return err
	}
	log, err := os.OpenFile(c.path("logs", "supervisor.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(c.Programs, process.Init), c.path(file), c.ID)
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.Env = log, log, "/", node.Environment(c.Programs)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the supervisor of %s: %w", task.Processes[0].Name, err)
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

// simulatedReady asks whether all simulated nodes are. The last is asked for first: thousands are no small question.
func (c *Cluster) simulatedReady(client kubernetes.Interface) func(context.Context) error {
	last := nodeReady(client, simulation.DefaultNodePrefix+strconv.Itoa(c.SimulatedNodes), time.Time{})
	return func(ctx context.Context) error {
		if err := last(ctx); err != nil {
			return err
		}
		list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: simulation.NodeLabel, ResourceVersion: "0"})
		if err != nil {
			return err
		}
		ready := 0
		for i := range list.Items {
			if slices.ContainsFunc(list.Items[i].Status.Conditions, func(condition corev1.NodeCondition) bool {
				return condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue
			}) {
				ready++
			}
		}
		if ready < c.SimulatedNodes {
			return errNotYet(fmt.Sprintf("%d of %d simulated nodes are Ready", ready, c.SimulatedNodes))
		}
		return nil
	}
}

func (c *Cluster) simulationBroken() func() error {
	failing := failing(c.path(simulationState), "simulation", c.path("logs", "simulation.log"))
	return func() error {
		supervisor, err := c.findSimulation()
		if err != nil {
			return err
		}
		if supervisor == nil {
			return &processError{"the supervisor of the simulation has ended", c.path("logs", "supervisor.log")}
		}
		supervisor.Close()
		return failing()
	}
}

// allowSimulation gives the simulator's user its roles.
func allowSimulation(ctx context.Context, client kubernetes.Interface) error {
	rbac := client.RbacV1()
	role, leases := simulation.ClusterRole(), simulation.LeaseRole()
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: userSimulation}}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: role.Name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name}}
	leaseBinding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: leases.Name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: leases.Name}}
	for _, create := range []func() error{
		func() error { _, err := rbac.ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); return err },
		func() error {
			_, err := rbac.ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
			return err
		},
		func() error {
			_, err := rbac.Roles(leases.Namespace).Create(ctx, leases, metav1.CreateOptions{})
			return err
		},
		func() error {
			_, err := rbac.RoleBindings(leases.Namespace).Create(ctx, leaseBinding, metav1.CreateOptions{})
			return err
		},
	} {
		if err := create(); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}
