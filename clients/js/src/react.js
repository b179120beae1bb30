/** `useJob` and `WaymarkProvider`, with the React of your own bundle (18 or later). */

import * as React from "react";

import { bind } from "./react-binding.js";

export const { WaymarkProvider, useJob } = bind(React);
