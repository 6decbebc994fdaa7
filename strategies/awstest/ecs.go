package awstest

import (
	"fmt"
	"strings"

	"sesame/proxy/ssm"
	"sesame/strategies/awstest/agent"
)

const ecsName = "ecs"

// A Task is a task of ECS with one container, in which commands can be
// executed.
type Task struct {
	ID, Cluster, Account, Region string
	Container, RuntimeID         string
}

// AddTask adds a task, or replaces the one with its id.
func (w *World) AddTask(t Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks[t.ID] = t
}

func (t Task) arn(kind, id string) string {
	return fmt.Sprintf("arn:aws:ecs:%s:%s:%s/%s", t.Region, t.Account, kind, id)
}

func ecsService() service {
	name := text(1, 0, "")
	return service{name: ecsName, target: "AmazonEC2ContainerServiceV20141113", codes: jsonCodes, about: aboutTask, operations: map[string]operation{
		"DescribeTasks": {structure(may("cluster", name), need("tasks", list(1, 100, name)), may("include", list(0, 1, name))), describeTasks},
		"ExecuteCommand": {structure(
			may("cluster", name), need("task", name), may("container", name), need("command", name), need("interactive", anyValue),
		), executeCommand},
	}}
}

// task finds the one that a text names, by id or ARN, in the cluster of the
// input.
func (r *request) task(name string) (Task, bool) {
	t, ok := r.w.tasks[name[strings.LastIndex(name, "/")+1:]]
	cluster := r.text("cluster")
	orDefault(&cluster, "default")
	return t, ok && t.Account == r.call.Caller.Account && t.Region == r.call.Region && t.Cluster == cluster[strings.LastIndex(cluster, "/")+1:]
}

// aboutTask is the cluster and the task, which are decided one by one.
func aboutTask(r *request) []Resource {
	t, _ := r.task(r.text("task"))
	if r.call.Operation != "ExecuteCommand" {
		return nil
	}
	return []Resource{{ARN: t.arn("cluster", t.Cluster)}, {ARN: t.arn("task", t.Cluster+"/"+t.ID)}}
}

func describeTasks(r *request) (doc, error) {
	tasks, failures := []any{}, []any{}
	for _, name := range r.texts("tasks") {
		t, ok := r.task(name)
		if !ok {
			failures = append(failures, doc{"arn": name, "reason": "MISSING"})
			continue
		}
		tasks = append(tasks, doc{
			"taskArn": t.arn("task", t.Cluster+"/"+t.ID), "clusterArn": t.arn("cluster", t.Cluster), "lastStatus": "RUNNING", "enableExecuteCommand": true,
			"containers": []any{doc{"name": t.Container, "runtimeId": t.RuntimeID, "lastStatus": "RUNNING", "containerArn": t.arn("container", t.Cluster+"/"+t.ID)}},
		})
	}
	return doc{"tasks": tasks, "failures": failures}, nil
}

// executeCommand starts a session in a container, which is one of Session
// Manager's that nobody started there.
func executeCommand(r *request) (doc, error) {
	t, ok := r.task(r.text("task"))
	if !ok {
		return nil, refusal("InvalidParameterException", "The referenced task was not found.")
	}
	if c := r.text("container"); c != "" && c != t.Container {
		return nil, refusal("InvalidParameterException", "The specified container does not exist in the task.")
	}
	if r.in["interactive"] != true {
		return nil, refusal("InvalidParameterException", "Interactive is the only mode supported currently.")
	}
	toy := agent.Shell{Clock: r.w.clock, Host: t.Container, User: "root", Command: r.text("command")}
	if strings.HasSuffix(toy.Command, "sh") {
		toy.Command = "" // a shell
	}
	s := r.w.startLocked(r, wish{
		target: fmt.Sprintf("ecs:%s_%s_%s", t.Cluster, t.ID, t.RuntimeID), document: "AmazonECS-ExecuteInteractiveCommand",
		options: agent.Options{Kind: ssm.SessionInteractive, Program: r.w.program(toy)},
	})
	return doc{
		"clusterArn": t.arn("cluster", t.Cluster), "taskArn": t.arn("task", t.Cluster+"/"+t.ID), "containerName": t.Container,
		"containerArn": t.arn("container", t.Cluster+"/"+t.ID), "interactive": true,
		"session": doc{"sessionId": s.ID, "streamUrl": s.stream, "tokenValue": s.token},
	}, nil
}
