import type { JSX } from "react";
import type { CaptureEvents, Started } from "./index.js";

type Told<K extends keyof CaptureEvents> = (detail: CaptureEvents[K]["detail"]) => void;

export interface CaptureProps {
  started: Started | null;
  service?: string;
  language?: string;
  spoken?: "en" | "zh";
  aloud?: boolean;
  renew?: () => Promise<string>;
  onStep?: Told<"veridical-step">;
  onMedia?: Told<"veridical-media">;
  onResult?: Told<"veridical-result">;
  onProblem?: Told<"veridical-problem">;
  onCameraRefused?: Told<"veridical-camera-refused">;
}

export function VeridicalCapture(props: CaptureProps): JSX.Element;
