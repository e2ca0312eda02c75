/** What `POST /v1/transactions` answered to your server, or as much of it as the element needs. */
export interface Started {
  id: string;
  upload_token: string;
  state?: string;
  media: {
    required: string[];
    optional: string[];
    received?: string[];
    again?: string[];
    prompts?: ("digits" | "colours" | "turns")[];
  };
}

/** A transaction as its applicant may see it: never with scores. */
export interface Seen {
  id: string;
  state: "created" | "collecting" | "processing" | "completed" | "expired" | "cancelled" | "erased";
  outcome: "accept" | "review" | "retry" | "reject" | null;
  message: string;
  message_code: string;
}

export interface CaptureEvents {
  "veridical-step": CustomEvent<{ step: string }>;
  "veridical-media": CustomEvent<{ kind: string; blob: Blob; challenge?: object; shown?: number[] }>;
  "veridical-result": CustomEvent<{ transaction: Seen }>;
  "veridical-problem": CustomEvent<{ code: string; message: string }>;
  "veridical-camera-refused": CustomEvent<{ code: string }>;
}

export class VeridicalCapture extends HTMLElement {
  /** Whether instructions are spoken. */
  aloud: boolean;
  /** Gives a new upload token, once this one is not known any more. */
  renew?: () => Promise<string>;
  /** Lead the applicant through; resolves at the end, with null when it was broken off. */
  begin(started: Started): Promise<Seen | null>;
  /** End the transaction, if it was not submitted. */
  cancel(started?: Started): Promise<Seen>;
  addEventListener<K extends keyof CaptureEvents>(
    type: K, listener: (event: CaptureEvents[K]) => void, options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "veridical-capture": VeridicalCapture;
  }
}
