// The capture element as a component of React.

import { createElement, useEffect, useRef } from "react";
import "./veridical-capture.js";

const EVENTS = { step: "onStep", media: "onMedia", result: "onResult", problem: "onProblem", "camera-refused": "onCameraRefused" };

export function VeridicalCapture({ started, service, language, spoken, aloud = false, renew, ...told }) {
  const place = useRef(null);
  const newest = useRef(told);
  newest.current = told;

  useEffect(() => {
    const element = place.current;
    const listeners = Object.entries(EVENTS).map(([name, handler]) => {
      const listener = ({ detail }) => newest.current[handler]?.(detail);
      element.addEventListener(`veridical-${name}`, listener);
      return [`veridical-${name}`, listener];
    });
    return () => listeners.forEach(([name, listener]) => element.removeEventListener(name, listener));
  }, []);

  useEffect(() => {
    Object.assign(place.current, { aloud, renew });
  }, [aloud, renew]);

  // One transaction is begun once, however often the page is drawn.
  useEffect(() => {
    if (started) place.current.begin(started).catch(() => {}); // told by onProblem
  }, [started?.id]);

  return createElement("veridical-capture", { ref: place, service, language, spoken });
}
