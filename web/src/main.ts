import { mount } from "svelte";
import App from "./App.svelte";
import "./tokens.css";
import "./base.css";
import { restoreTheme } from "./theme.ts";

restoreTheme();
mount(App, { target: document.body });
