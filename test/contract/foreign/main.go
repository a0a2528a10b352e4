// The official Go SDK against a daemon: client VERSION URL TOKEN FILE DIRECTORY. Prints one JSON object.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type bearer struct{ token string }

func (b bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(request)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	version, url, token, file, directory := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	ctx := context.Background()
	var lock sync.Mutex
	told := []float64{}
	client := mcp.NewClient(&mcp.Implementation{Name: "go", Version: "0"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, request *mcp.ProgressNotificationClientRequest) {
			lock.Lock()
			told = append(told, request.Params.Progress)
			lock.Unlock()
		},
	})
	connect := func(query string) *mcp.ClientSession {
		transport := &mcp.StreamableClientTransport{Endpoint: url + query, HTTPClient: &http.Client{Transport: bearer{token}}}
		session, err := client.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: version})
		must(err)
		return session
	}
	call := func(session *mcp.ClientSession, ctx context.Context, name string, args map[string]any) (map[string]any, *mcp.CallToolResult, error) {
		params := &mcp.CallToolParams{Name: name, Arguments: args}
		params.SetProgressToken(name)
		result, err := session.CallTool(ctx, params)
		if err != nil {
			return nil, nil, err
		}
		body, _ := result.StructuredContent.(map[string]any)
		return body, result, nil
	}
	session := connect("")
	tools, err := session.ListTools(ctx, nil)
	must(err)
	echo, _, err := call(session, ctx, "exec_run", map[string]any{"command": []string{"echo", "hi"}})
	must(err)
	lock.Lock()
	quick := len(told)
	lock.Unlock()
	_, _, err = call(session, ctx, "exec_run", map[string]any{"command": []string{"sleep", "3"}})
	must(err)
	cut, _, err := call(session, ctx, "file_read", map[string]any{"path": file})
	must(err)
	_, missing, err := call(session, ctx, "file_read", map[string]any{"path": directory + "/missing"})
	must(err)
	short, stop := context.WithTimeout(ctx, 4*time.Second)
	_, _, gaveUp := call(session, short, "exec_run", map[string]any{"command": []string{"sh", "-c", "echo $$ > " + directory + "/pid; exec sleep 600"}})
	stop()
	time.Sleep(time.Second) // the cancellation leaves behind the call
	session.Close()
	second := connect("?max_result_bytes=16777216")
	whole, _, err := call(second, ctx, "file_read", map[string]any{"path": file})
	must(err)
	second.Close()
	lock.Lock()
	defer lock.Unlock()
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"tools": len(tools.Tools), "stdout": echo["stdout"], "quick": quick, "progress": told,
		"cut": len(cut["content"].(string)), "truncated": cut["content_truncated"], "missing": missing.IsError,
		"cancelled": gaveUp != nil, "whole": len(whole["content"].(string)),
	}))
}
