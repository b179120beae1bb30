/** What `waymark` exports. Times are RFC 3339 in UTC, durations milliseconds. */

export type JobState =
  | "scheduled"
  | "blocked"
  | "queued"
  | "running"
  | "retrying"
  | "succeeded"
  | "failed"
  | "cancelled"
  | "expired";

export type ConnectionState =
  | "idle" // nothing to follow, or nobody looks
  | "connecting"
  | "auth" // open, and not yet welcome
  | "live"
  | "resuming" // it was live, and will be again in a moment
  | "offline" // nobody answers, or there is no network; it goes on trying
  | "closed"; // for good: closed by you, or refused

export interface ConnectionStatus {
  readonly state: ConnectionState;
  readonly reason: string | null;
  /** When the next try comes, in ms since 1970. */
  readonly retryAt: number | null;
}

export interface Progress {
  readonly current: number;
  readonly total: number | null;
  readonly percent: number | null;
  readonly message: string | null;
  readonly updated_at: string;
}

export interface JobError {
  readonly code: string;
  readonly message: string | null;
  readonly type: string | null;
  readonly retryable: boolean;
}

export interface Step {
  readonly step: number;
  readonly state: JobState;
  readonly at: string;
}

/** What is known of a job; frozen, and another object after each change. */
export interface JobView<Result = unknown> {
  readonly job: string;
  readonly epoch: string | null;
  readonly revision: number;
  readonly step: number;
  readonly state: JobState | "unknown";
  readonly final: boolean;
  readonly attempt: number;
  readonly progress: Progress | null;
  readonly result: Result | null;
  readonly error: JobError | null;
  readonly history: readonly Step[];
}

export interface Transition<Result = unknown> extends Step {
  readonly type: "transition";
  /** Known of the steps that were told live, and of a job's latest. */
  readonly attempt?: number;
  readonly error?: JobError | null;
  readonly result?: Result | null;
  readonly job: JobView<Result>;
}

export interface Progressed<Result = unknown> {
  readonly type: "progress";
  readonly progress: Progress;
  readonly job: JobView<Result>;
}

/** The store went back in time; the steps `undone` are no longer true. New ones follow. */
export interface Discontinuity<Result = unknown> {
  readonly type: "discontinuity";
  readonly undone: readonly Step[];
  readonly job: JobView<Result>;
}

export type Update<Result = unknown> =
  | Transition<Result>
  | Progressed<Result>
  | Discontinuity<Result>;

export interface JobEvents<Result = unknown> {
  transition: Transition<Result>;
  progress: Progressed<Result>;
  discontinuity: Discontinuity<Result>;
  /** After anything at all. */
  change: JobView<Result>;
  final: JobView<Result>;
  /** Everything up to now has been told. */
  live: { recovered: boolean };
  /** Following it has ended before the job has. */
  error: WaymarkError;
  close: { error: WaymarkError | null };
}

export interface Job<Result = unknown> extends AsyncIterable<Update<Result>> {
  readonly id: string;
  readonly view: JobView<Result>;
  readonly live: boolean;
  readonly closed: boolean;
  on<Type extends keyof JobEvents<Result>>(
    type: Type,
    listener: (event: JobEvents<Result>[Type]) => void,
  ): () => void;
  once<Type extends keyof JobEvents<Result>>(
    type: Type,
    listener: (event: JobEvents<Result>[Type]) => void,
  ): () => void;
  /** Resolves when the job is final; rejects when following it ends before. */
  done(): Promise<JobView<Result>>;
  close(): void;
}

export interface FeedCursor {
  readonly epoch: string;
  readonly seq: number;
}

/** An event of any job of the tenant, as it is on the wire. */
export type FeedEvent =
  | ({ type: "transition"; state: JobState; at: string; attempt: number } & FeedPlace &
      Partial<{ traceparent: string; error: JobError; result: unknown }>)
  | ({ type: "progress"; progress: Progress } & FeedPlace)
  | { type: "live"; recovered: boolean }
  | { type: "reset"; why: string };

interface FeedPlace extends FeedCursor {
  job: string;
  revision: number;
  step: number;
}

export interface Feed extends AsyncIterable<FeedEvent> {
  readonly cursor: FeedCursor | null;
  readonly live: boolean;
  readonly closed: boolean;
  on<Type extends FeedEvent["type"]>(
    type: Type,
    listener: (event: Extract<FeedEvent, { type: Type }>) => void,
  ): () => void;
  on(type: "error", listener: (error: WaymarkError) => void): () => void;
  /** Goes on from the place at which a list of jobs was read. */
  resume(cursor: FeedCursor): void;
  close(): void;
}

export interface TokenWanted {
  readonly jobs: readonly string[];
  readonly feed: boolean;
  readonly reason: "connecting" | "expiring" | "forbidden";
}

export type Token = string | { token: string; expires_at?: string };
export type TokenSource = Token | ((wanted: TokenWanted) => Token | Promise<Token>);

export interface ConnectOptions {
  /** `stream_url` of the gateway's answers. */
  url: string;
  /** Throw an UnauthorizedError where asking again cannot help. */
  token: TokenSource;
  /** Where there is no global one (Node 20); null, or none to be had: event streams are used. */
  WebSocket?: unknown;
  fetch?: typeof globalThis.fetch | null;
  /** "rest" (the default) closes the connection a minute after the page was hidden. */
  whenHidden?: "rest" | "stay";
  /** Where it is remembered that no WebSocket opens here. */
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null;
  clock?: Clock;
  onState?: (status: ConnectionStatus) => void;
  onDiscontinuity?: (event: Discontinuity) => void;
  onError?: (error: WaymarkError) => void;
}

export interface Clock {
  now(): number;
  random(): number;
  after(ms: number, act: () => void): () => void;
}

export declare class Waymark {
  readonly state: ConnectionState;
  readonly status: ConnectionStatus;
  job<Result = unknown>(id: string, options?: { untilFinal?: boolean }): Job<Result>;
  feed(options?: { cursor?: FeedCursor | null }): Feed;
  on(type: "state", listener: (status: ConnectionStatus) => void): () => void;
  on(type: "discontinuity", listener: (event: Discontinuity) => void): () => void;
  on(type: "error", listener: (error: WaymarkError) => void): () => void;
  close(): void;
}

export declare function connect(options: ConnectOptions): Waymark;

/** Whether nothing follows a state. */
export declare function isFinal(state: string): boolean;

export declare class WaymarkError extends Error {
  constructor(code: string, detail: string);
  readonly code: string;
  readonly detail: string;
}

export declare class UnauthorizedError extends WaymarkError {
  constructor(detail?: string);
}
