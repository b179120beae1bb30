/** What `waymark/react-binding` exports. */

import type {
  ConnectionState,
  ConnectOptions,
  JobView,
  TokenSource,
  Waymark,
  WaymarkError,
} from "./index.js";

export interface FollowedJob<Result = unknown> {
  readonly job: JobView<Result>;
  /** Whether `job` is up to date, as far as anybody can tell. */
  readonly live: boolean;
  readonly connection: ConnectionState;
  readonly error: WaymarkError | null;
}

export interface UseJobOptions extends Partial<Omit<ConnectOptions, "url" | "token">> {
  /** For a connection of its own; without it the provider's is used. */
  url?: string | null;
  token?: TokenSource | null;
  untilFinal?: boolean;
}

export interface Hooks {
  useJob<Result = unknown>(
    id: string | null | undefined,
    options?: UseJobOptions,
  ): FollowedJob<Result>;
  // `any` where React's own types would have to be installed to be named
  WaymarkProvider(props: { client: Waymark; children?: any }): any;
}

/** `React`: anything with React's hooks. */
export declare function bind(React: any): Hooks;
