/** What `waymark/fake` exports. */

import type { Clock, ConnectOptions, JobError } from "../index.js";

export declare class FakeClock implements Clock {
  constructor(options?: { now?: number; seed?: number });
  now(): number;
  random(): number;
  after(ms: number, act: () => void): () => void;
  /** Lets time pass, and everything happen that happens meanwhile. */
  pass(ms: number): Promise<void>;
  /** Lets time go by without anything happening in it. */
  sleep(ms: number): void;
}

export interface FakeJob {
  readonly state: string;
  scheduled(): this;
  queued(): this;
  running(): this;
  progress(current: number, total?: number | null, message?: string | null): this;
  retrying(error?: JobError): this;
  succeeded(result?: unknown): this;
  failed(error?: JobError): this;
  cancelled(): this;
}

export type Scenario = readonly ((job: FakeJob) => void)[];

export interface FakeJobs {
  /** Hand this to `connect`. */
  readonly options: Pick<ConnectOptions, "url" | "token" | "WebSocket" | "fetch" | "clock">;
  readonly connections: number;
  /** Nothing opens. */
  isDown: boolean;
  /** Nothing arrives. */
  isStalled: boolean;
  /** What happens is not told. */
  losesEvents: boolean;
  /** What a subscription of a job is answered instead. */
  readonly refusals: Map<string, { code: string; detail: string }>;
  job(id: string): FakeJob;
  play(id: string, scenario: Scenario, options?: { everyMs?: number }): () => void;
  drop(code?: number, reason?: string): void;
  drain(options?: { after_ms?: [number, number]; grace_ms?: number }): void;
  failOver(options?: { forgotten?: number }): void;
}

export declare function fakeJobs(options?: { clock?: Clock; latencyMs?: number }): FakeJobs;

export declare const scenarios: {
  readonly succeeds: Scenario;
  readonly retriesOnce: Scenario;
  readonly fails: Scenario;
  readonly isCancelled: Scenario;
};
