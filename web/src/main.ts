import { mount } from "svelte";
import App from "./App.svelte";
import "./tokens.css";
import "./base.css";
import { followTheme } from "./theme.ts";

followTheme();
mount(App, { target: document.body });
