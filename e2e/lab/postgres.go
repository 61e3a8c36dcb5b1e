package lab

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	_ "github.com/lib/pq" // the driver for making databases
)

// Postgres is a PostgreSQL server of our own on loopback, run as an unprivileged user (it refuses root), with its data
// in a temporary folder that Stop deletes.
type Postgres struct {
	Port     int
	User     string
	Password string

	dir, bin string
	as       *syscall.Credential
	proc     *Process
}

// StartPostgres starts a server. Where PostgreSQL is missing it is installed, which needs root and apt.
func StartPostgres(ctx context.Context, say Progress) (*Postgres, error) {
	bin, err := EnsurePostgres(ctx, say)
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	// Not below TMPDIR: that may be a folder that only root can enter, such as a test's.
	dir, err := os.MkdirTemp("/tmp", "crosschat-pg-")
	if err != nil {
		return nil, fmt.Errorf("make PostgreSQL's folder: %w", err)
	}
	p := &Postgres{Port: port, User: "crosschat", Password: randomHex(16), dir: dir, bin: bin, as: as}
	if err = p.create(ctx); err == nil {
		err = p.Start(ctx)
	}
	if err != nil {
		_ = p.Stop()
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return p, nil
}

func (p *Postgres) create(ctx context.Context) error {
	passwords := filepath.Join(p.dir, "password")
	if err := os.WriteFile(passwords, []byte(p.Password), 0o600); err != nil {
		return fmt.Errorf("write password file: %w", err)
	}
	if p.as != nil {
		for _, path := range []string{p.dir, passwords} {
			if err := os.Chown(path, int(p.as.Uid), int(p.as.Gid)); err != nil {
				return fmt.Errorf("give PostgreSQL its folder: %w", err)
			}
		}
	}
	// Sorting by bytes in UTF-8: Synapse insists on it.
	initdb := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb"), "-D", p.data(), "-U", p.User, "--pwfile", passwords,
		"-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir = p.dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	return runLogged(initdb, func(string) {})
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

// Start starts the server, again after Quit.
func (p *Postgres) Start(ctx context.Context) error {
	server := exec.Command(filepath.Join(p.bin, "postgres"), "-D", p.data(), "-p", strconv.Itoa(p.Port), "-h", "127.0.0.1",
		"-k", p.dir, "-c", "fsync=off", "-c", "max_connections=200")
	server.Dir = p.dir
	server.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	var err error
	if p.proc, err = StartProcess("PostgreSQL", filepath.Join(p.dir, "server.log"), server); err != nil {
		return err
	}
	return p.proc.awaitReady(ctx, 30*time.Second, func(ctx context.Context) error {
		return p.exec(ctx, "SELECT 1")
	})
}

// Quit ends the server at once, as an admin's restart does: connections are cut, what was committed stays.
func (p *Postgres) Quit() error {
	if err := syscall.Kill(p.proc.PID(), syscall.SIGINT); err != nil {
		return fmt.Errorf("ask PostgreSQL to end: %w", err)
	}
	<-p.proc.Done()
	return nil
}

// CreateDatabase makes an empty database and returns its URI.
func (p *Postgres) CreateDatabase(ctx context.Context, name string) (string, error) {
	if err := p.exec(ctx, fmt.Sprintf("CREATE DATABASE %q", name)); err != nil {
		return "", fmt.Errorf("create database %q: %w", name, err)
	}
	return p.uri(name), nil
}

func (p *Postgres) uri(database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", p.User, p.Password, p.Port, database)
}

func (p *Postgres) exec(ctx context.Context, statement string) error {
	db, err := sql.Open("postgres", p.uri("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// Stop ends the server and deletes its data.
func (p *Postgres) Stop() error {
	if p == nil {
		return nil
	}
	p.proc.Kill() // the data goes with it: nothing is worth a clean end
	if err := os.RemoveAll(p.dir); err != nil {
		return fmt.Errorf("delete PostgreSQL's data: %w", err)
	}
	return nil
}

// EnsurePostgres returns the folder of PostgreSQL's programs and installs them if need be, which needs root and apt.
func EnsurePostgres(ctx context.Context, say Progress) (string, error) {
	if bin, ok := findPostgres(); ok {
		return bin, nil
	}
	if os.Geteuid() == 0 {
		// Debian's package would make and start a cluster of its own.
		const policy = "/etc/postgresql-common/createcluster.conf"
		if _, err := os.Stat(policy); errors.Is(err, os.ErrNotExist) {
			if err = os.MkdirAll(filepath.Dir(policy), 0o755); err != nil {
				return "", fmt.Errorf("prepare PostgreSQL's installation: %w", err)
			}
			if err = os.WriteFile(policy, []byte("create_main_cluster = false\n"), 0o644); err != nil {
				return "", fmt.Errorf("prepare PostgreSQL's installation: %w", err)
			}
		}
	}
	if err := AptInstall(ctx, say, "postgresql"); err != nil {
		return "", err
	}
	bin, ok := findPostgres()
	if !ok {
		return "", errors.New("postgresql was installed, but initdb is neither in PATH nor below /usr/lib/postgresql")
	}
	return bin, nil
}

func findPostgres() (dir string, ok bool) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well-formed: no error
	slices.SortFunc(found, func(a, b string) int { return postgresVersion(b) - postgresVersion(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0]), true
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", false
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", false
	}
	return filepath.Dir(path), true
}

func postgresVersion(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb)))) // 0 sorts a strange name last
	return n
}

// unprivileged is whom to run PostgreSQL as: nobody else, unless we are root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and this system has neither a user postgres nor nobody")
}
