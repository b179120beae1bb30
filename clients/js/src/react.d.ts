/** What `waymark/react` exports. */

import type { Hooks } from "./react-binding.js";

export declare const useJob: Hooks["useJob"];
export declare const WaymarkProvider: Hooks["WaymarkProvider"];
